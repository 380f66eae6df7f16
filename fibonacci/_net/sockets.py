"""Sockets and addresses, for both modes."""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

#: Bytes to read at a time.
READ_SIZE = 64 * 1024
# How many sockets select() takes on Windows, which has no poll().
_SELECT_SIZE = 512

Address = tuple[int, int, int, str, Any]
"""One address as `socket.getaddrinfo` returns it: family, kind, protocol, name, and the argument of `connect`."""


class QuietSocket(socket.socket):
    """A socket that is closed without a warning when it is garbage, as when its event loop is gone."""

    def __del__(self) -> None:
        if self.fileno() >= 0:  # else it has been closed, or could not be made
            self.close()


def is_address(host: str) -> bool:
    """Whether a host is an IP address, which needs no name service."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_readable(sock: socket.socket) -> bool:
    """Whether a read would return at once; on an idle connection it means that the server has closed it."""
    if sock.fileno() < 0:
        return True
    if hasattr(select, "poll"):  # select() knows no descriptors above 1023
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock], [], [], 0)[0])


def readable(descriptors: Sequence[int]) -> set[int]:
    """Return those of many sockets, by descriptor, of which a read would return at once."""
    if hasattr(select, "poll"):
        poll = select.poll()
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        return {descriptor for descriptor, _ in poll.poll(0)}
    found: set[int] = set()
    for start in range(0, len(descriptors), _SELECT_SIZE):
        found.update(select.select(descriptors[start : start + _SELECT_SIZE], [], [], 0)[0])
    return found
