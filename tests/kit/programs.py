"""Servers of other makers, as ordinary child processes on free ports of the loopback interface."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

import pytest

_STARTED_WITHIN = 10.0
_STOPPED_WITHIN = 10.0


@contextmanager
def running(port: int, program: str, *arguments: str) -> Generator[subprocess.Popen[bytes]]:
    """Run a program while the block lasts; yield its process as soon as it listens.

    Args:
        port: Where it will listen.
        program: Its name, which is also the name of the Debian package that has it.
        arguments: What is passed to it.
    """
    process = subprocess.Popen([find(program), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_listens(port, program, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def find(program: str) -> str:
    """Return the path of a program; without it skip the test, and under CI fail it."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")  # which not every user looks in
    if found is not None:
        return found
    if os.environ.get("CI") == "true" and shutil.which("apt-get"):
        pytest.fail(f"{program} is missing: apt-get install {program}")
    pytest.skip(f"needs {program}: apt-get install {program}")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_it_listens(port: int, program: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    pytest.fail(f"{program} does not listen")
