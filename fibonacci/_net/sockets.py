"""Sockets, for both modes."""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from fibonacci._concurrency import renew_in_children

#: Seconds after the end of a call in which another library may notice it by itself, with its connections in order.
GRACE = 0.1
#: Bytes to read at a time.
READ_SIZE = 64 * 1024
# How many sockets select() takes on Windows, which has no poll().
_SELECT_SIZE = 512
_TCP_ESTABLISHED = 1  # of Linux's tcp_states.h

Address = tuple[int, int, int, str, Any]
"""One address as `socket.getaddrinfo` returns it: family, kind, protocol, name, and the argument of `connect`."""

# Keepalive: 60 s idle, 60 s between probes, 5 probes. Load balancers and NATs drop a connection that is idle for
# minutes, as during a long execution. macOS names the first option TCP_KEEPALIVE; a system may lack any of them.
# There is no bound for data that stays unacknowledged: with TCP_USER_TIMEOUT Linux also closes the connection of a
# peer that acknowledges but has no room to receive, and after one lost probe of keepalive.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5))
_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in _KEEPALIVE if hasattr(socket, name)),
)


def literal_address(host: str, port: int) -> Address | None:
    """Return the address that a host names when it is an IP address, which needs no name service; else None."""
    for family, target in ((socket.AF_INET, (host, port)), (socket.AF_INET6, (host, port, 0, 0))):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", target
    return None


class QuietSocket(socket.socket):
    """A socket that is closed without a warning when it is garbage, as when its event loop is gone.

    A forked child closes its copies, so that it can't read what the parent waits for, and so that the peer learns when
    the parent closes. What of a call goes on in the child, as after a fork in a signal's handler, fails on them.
    """

    def renew_in_child(self) -> None:
        """Close the copy; the parent's stays open."""
        self.close()

    def __del__(self) -> None:
        if self.fileno() >= 0:  # else it has been closed, or could not be made
            self.close()


def new_socket(address: Address) -> QuietSocket:
    """Return a socket for connections to an address, with keepalive and without Nagle's delay.

    Raises:
        OSError: If the system has no such family, such as IPv6, or no descriptor left.
    """
    family, kind, protocol, *_ = address
    sock = QuietSocket(family, kind, protocol)
    renew_in_children(sock)
    for level, option, value in _OPTIONS:
        with suppress(OSError):  # not every system that names an option has it
            sock.setsockopt(level, option, value)
    return sock


def os_error(code: int) -> OSError:
    """Return the exception for an error code of a socket."""
    texts: dict[int, str] = getattr(socket, "errorTab", {})  # on Windows, whose strerror does not know these codes
    return OSError(code, texts.get(code) or os.strerror(code))


def lacks_descriptor(error: BaseException) -> bool:
    """Whether an error means that the process or the system has no file descriptor left."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


def connect_error(sock: socket.socket) -> OSError | None:
    """Return why a connection attempt that has ended failed, or None if the socket is connected."""
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return os_error(code) if code else None


def wait_connected(socks: Iterable[socket.socket], seconds: float | None) -> list[socket.socket]:
    """Wait until a connection attempt ends; return the sockets whose attempt has ended, or none after `seconds`."""
    if hasattr(select, "poll"):  # select() knows no descriptors above 1023; looked up late, as gevent replaces it
        by_descriptor = {sock.fileno(): sock for sock in socks}
        poll = select.poll()
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLOUT)
        ended = poll.poll(None if seconds is None else math.ceil(seconds * 1000))
        return [by_descriptor[descriptor] for descriptor, _ in ended]
    waiting = [*socks]
    _, connected, failed = select.select([], waiting, waiting, seconds)  # Windows reports failures in the third list
    return list({*connected, *failed})


def is_readable(sock: socket.socket) -> bool:
    """Whether a read would return at once; on an idle connection it means that the server has closed it."""
    descriptor = sock.fileno()  # asked for once: a fork in the middle of this closes the child's copy
    if descriptor < 0:
        return True
    if hasattr(select, "poll"):  # select() knows no descriptors above 1023
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        # While this one polls, other threads run, and it may have to wait for them for milliseconds.
        return bool(poll.poll(0)) or is_closed_by_peer(sock)
    return bool(select.select([sock], [], [], 0)[0])


def is_closed_by_peer(sock: socket.socket) -> bool:
    """Whether the peer has closed a TCP connection, as far as the system tells that without other threads running."""
    if sys.platform != "linux":
        return False
    state: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != _TCP_ESTABLISHED


def readable(descriptors: Sequence[int]) -> set[int]:
    """Return those of many sockets, by descriptor, of which a read would return at once."""
    if hasattr(select, "poll"):
        poll = select.poll()
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        return {descriptor for descriptor, _ in poll.poll(0)}
    numbers: set[int] = set()
    for start in range(0, len(descriptors), _SELECT_SIZE):
        numbers.update(select.select(descriptors[start : start + _SELECT_SIZE], [], [], 0)[0])
    return numbers
