"""Debian's tinyproxy as an ordinary child process, on a free port of the loopback interface."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_STARTED_WITHIN = 10.0


@contextmanager
def tinyproxy(directory: Path, *, password: str | None = None) -> Generator[int]:
    """Run a proxy while the block lasts; give its port.

    Args:
        directory: Where its configuration may be written.
        password: What the user `ada` has to give; None when it lets everybody pass.
    """
    program = shutil.which("tinyproxy")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("tinyproxy is missing: apt-get install tinyproxy")
        pytest.skip("needs tinyproxy: apt-get install tinyproxy")
    port = _free_port()
    lines = [f"Port {port}", "Listen 127.0.0.1", "Timeout 30", "LogLevel Critical", f'LogFile "{directory / "log"}"']
    if password is not None:
        lines.append(f"BasicAuth ada {password}")
    configuration = directory / "tinyproxy.conf"
    configuration.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([program, "-d", "-c", str(configuration)], stdout=subprocess.DEVNULL)
    try:
        _wait_until_it_listens(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    pytest.fail("tinyproxy does not listen")
