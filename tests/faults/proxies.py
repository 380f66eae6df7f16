"""Debian's proxies as ordinary child processes, each on a free port of the loopback interface."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.calls import call_each
from tests.kit.listener import Listener
from tests.kit.mode import Ended, Mode
from tests.kit.programs import free_port, running

#: An address at which a server of this machine is reached, and which is not loopback: that never goes through a proxy.
ELSEWHERE = "0.0.0.0"

#: What the user `ada` of a closed proxy gives, and how it stands in a URL.
PASSWORD = "s3cret/wort"
QUOTED = "s3cret%2Fwort"


def elsewhere(server: Listener) -> str:
    """Return the base URL of a server as one that a proxy may be used for; skip the test where there is none."""
    if os.name == "nt":
        pytest.skip(f"{ELSEWHERE} is no address of this machine on Windows")
    return server.base_url.replace("127.0.0.1", ELSEWHERE)


def call_each_elsewhere(mode: Mode, server: Listener, **options: Any) -> dict[str, Ended]:
    """Call a server with a method of each kind at the same time, as one that a proxy may be used for."""
    return call_each(mode, elsewhere(server), allow_insecure=True, **options)


@contextmanager
def tinyproxy(directory: Path, *, password: str | None = None) -> Generator[int]:
    """Run an HTTP proxy while the block lasts; yield its port.

    It drops a connection on which it waits for a request when a signal stops it and another continues it (its reads
    have a timeout of the system's, and end with EINTR then), which a busy machine does not do.

    Args:
        directory: Where its configuration may be written.
        password: What the user `ada` has to give; None when it lets everybody pass.
    """
    port = free_port()
    lines = [f"Port {port}", "Listen 127.0.0.1", "Timeout 30", "LogLevel Critical", f'LogFile "{directory / "log"}"']
    if password is not None:
        lines.append(f"BasicAuth ada {password}")
    configuration = directory / "tinyproxy.conf"
    configuration.write_text("\n".join(lines) + "\n")
    with running(port, "tinyproxy", "-d", "-c", str(configuration)):
        yield port


@contextmanager
def microsocks(*, password: str | None = None) -> Generator[int]:
    """Run a SOCKS5 proxy while the block lasts; yield its port.

    Args:
        password: What the user `ada` has to give; None when it lets everybody pass.
    """
    port = free_port()
    user = [] if password is None else ["-u", "ada", "-P", password]
    with running(port, "microsocks", "-q", "-i", "127.0.0.1", "-p", str(port), *user):
        yield port


@contextmanager
def behind_tls(port: int, certificate: Path) -> Generator[int]:
    """Serve a port at another one over TLS too while the block lasts; yield that port.

    Args:
        port: Where it listens.
        certificate: A PEM file with a certificate and its key.
    """
    secure = free_port()
    listen = f"OPENSSL-LISTEN:{secure},bind=127.0.0.1,reuseaddr,fork,verify=0,cert={certificate}"
    with running(secure, "socat", "-lf", os.devnull, listen, f"TCP:127.0.0.1:{port}"):
        yield secure
