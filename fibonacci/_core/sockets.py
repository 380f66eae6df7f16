"""Small questions about sockets, addresses and connections, for both colours of the network."""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import Any


def is_address(host: str) -> bool:
    """Whether a host is an IP address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def share_of(seconds: float | None, ways: int) -> float | None:
    """What each of so many attempts may take; None for no limit."""
    return None if seconds is None else max(0.001, seconds / ways)


def is_readable(sock: socket.socket) -> bool:
    """Whether a read would return at once; for an idle connection this means that the server has closed it."""
    if sock.fileno() < 0:
        return True
    if hasattr(select, "poll"):  # select() knows no descriptors above 1023
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock], [], [], 0)[0])


def has_leftovers(connection: Any) -> bool:
    """Whether more came than the answer on one of httpcore's connections; the next call would take it for its own.

    httpcore keeps such a connection. What it wraps, and how much was read too far, it does not tell in public.
    """
    while connection is not None and not hasattr(connection, "_h11_state"):
        connection = getattr(connection, "_connection", None)
    return connection is not None and bool(connection._h11_state.trailing_data[0])


def drop(sock: Any) -> None:
    """Close a socket without a warning and without its event loop, which may be gone."""
    with suppress(OSError, AttributeError):
        descriptor = sock.detach()
        if descriptor >= 0:
            os.close(descriptor)
