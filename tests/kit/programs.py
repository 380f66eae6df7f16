"""Servers of other makers, as ordinary child processes on free ports of the loopback interface."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn

import pytest

_STARTED_WITHIN = 10.0
_STOPPED_WITHIN = 10.0
# Below the ports that systems give to outgoing connections, one of which could take a port before its program does.
_PORTS = range(20_000, 32_000)
_USER: int = getattr(os, "getuid", int)()
# All test runs of a user share it: a port that one process has found free is another's before its program listens.
_GIVEN = Path(tempfile.gettempdir()) / f"fibonacci-test-ports-{_USER}.db"


@contextmanager
def running(port: int, program: str, *arguments: str, ports: Iterable[int] = ()) -> Generator[subprocess.Popen[bytes]]:
    """Run a program while the block lasts; yield its process as soon as it listens.

    Args:
        port: Where it will listen.
        program: Its name, which is also the name of the Debian package that has it.
        arguments: What is passed to it.
        ports: Further ports: while it listens at the first, it may not have come to the others.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([find(program), *arguments], stdout=output, stderr=output)
        try:
            for awaited in (port, *ports):
                _wait_until_it_listens(awaited, program, process, output)
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
    found = shutil.which(program)
    if found is None and shutil.which("apt-get") is None:
        pytest.skip(f"needs {program}")
    if found is None:
        skip_or_fail(program, f"apt-get install {program}")
    return found


def skip_or_fail(needed: str, remedy: str) -> NoReturn:
    """Skip the test, for this machine lacks what it needs; under CI fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{needed} is missing: {remedy}")
    pytest.skip(f"needs {needed}: {remedy}")


def free_port() -> int:
    """Return a port that nothing listens on, another one each time, whichever process asks."""
    return next(port for port in _each_port() if _is_free(port))


def _each_port() -> Iterator[int]:
    with closing(sqlite3.connect(_GIVEN, timeout=30, isolation_level=None)) as given:
        given.execute("PRAGMA synchronous = OFF")
        given.execute("CREATE TABLE IF NOT EXISTS ports (number INTEGER PRIMARY KEY)")
        for _ in _PORTS:
            added = given.execute("INSERT INTO ports DEFAULT VALUES").lastrowid
            yield _PORTS[((added or 0) + _USER) % len(_PORTS)]  # another user's run is at other ports


def _is_free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def _wait_until_it_listens(port: int, program: str, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    output.seek(0)
    pytest.fail(f"{program} does not listen at port {port}: {output.read().decode(errors='replace')}")
