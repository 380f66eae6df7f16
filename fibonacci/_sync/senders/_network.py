"""Blocking sockets, for httpcore. Written by hand: this file's twin is the one for asyncio and trio."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from fibonacci._core.sockets import is_address, share_of


def backend() -> httpcore.NetworkBackend:
    """The network of blocking sockets."""
    return BlockingBackend()


class BlockingBackend(httpcore.SyncBackend):
    """Connects within one time limit, whatever the number of addresses and however slow the name service."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that answers."""
        if is_address(host):
            return super().connect_tcp(host, port, timeout, local_address, socket_options)
        ends_at = None if timeout is None else time.monotonic() + timeout
        found = _look_up(host, port, timeout)
        for left in range(len(found), 0, -1):
            share = share_of(None if ends_at is None else ends_at - time.monotonic(), left)
            try:
                return super().connect_tcp(found[-left], port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise httpcore.ConnectError(f"{host} has no address")


def _look_up(host: str, port: int, timeout: float | None) -> list[str]:
    """The addresses of a host. The system's look-up cannot be bounded in time, so it gets a thread of its own."""
    found: list[str] = []
    failures: list[Exception] = []

    def look_up() -> None:
        try:
            found.extend(str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:  # a label of a name may be too long to be encoded
            failures.append(error)

    thread = threading.Thread(target=look_up, name="fibonacci-name-lookup", daemon=True)
    thread.start()
    thread.join(timeout)
    if failures:
        raise httpcore.ConnectError(str(failures[0])) from failures[0]
    if thread.is_alive():
        raise httpcore.ConnectTimeout(f"the name service did not answer for {host}")
    return list(dict.fromkeys(found))
