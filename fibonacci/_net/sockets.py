"""Sockets, for both modes: their options, name lookups, and the order of a host's addresses (RFC 8305).

The system's lookup has no time limit and can't be canceled; it may hang for as long as the name service does. So it
runs in daemon threads, and a call may stop waiting for it. The executor of asyncio isn't used: at the end of
`asyncio.run` it waits for the lookups that hang.
"""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain, zip_longest
from time import monotonic
from typing import Any

from fibonacci._core.urls import is_local_name
from fibonacci._system.concurrency import renew_in_children

#: Seconds after the end of a call in which another library may notice it by itself, with its connections in order.
GRACE = 0.1
#: Bytes to read at a time.
READ_SIZE = 64 * 1024
_TCP_ESTABLISHED = 1  # of Linux's tcp_states.h

Address = tuple[int, int, int, str, Any]
"""One address as `socket.getaddrinfo` returns it: family, kind, protocol, name, and the argument of `connect`."""

# Keepalive: 60 s idle, 60 s between probes, 5 probes. Load balancers and NATs drop a connection that is idle for
# minutes, as during a long execution. macOS names the first option TCP_KEEPALIVE; a system may lack any of them.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5))
_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in _KEEPALIVE if hasattr(socket, name)),
)

# The option that bounds how long data may stay unacknowledged, and its unit: TCP_USER_TIMEOUT (18 on Linux), and
# TCP_RXT_CONNDROPTIME, which the module doesn't name. Windows has a bound of about 20 s that can't be set.
_USER_TIMEOUT = {"linux": (18, 1000), "darwin": (0x80, 1)}.get(sys.platform)
#: Bytes that a peer has room for. Its system acknowledges them at once, however slow its server is.
ROOM = 16 * 1024
#: Seconds after which a peer that hasn't acknowledged them has vanished.
ACKNOWLEDGED_IN = 5.0


def expect_acknowledgment(sock: socket.socket, seconds: float) -> None:
    """Have the system end a connection whose peer doesn't acknowledge what is sent. 0 for no bound."""
    if _USER_TIMEOUT is not None:
        option, unit = _USER_TIMEOUT
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, option, math.ceil(seconds * unit))


def known_addresses(host: str, port: int) -> list[Address]:
    """Return the addresses of a host that needs no name service: an IP address, or a name of this machine.

    No name service is asked about `localhost` and the names below it: plain http to them is allowed, so they must not
    lead to another machine.
    """
    known: list[Address] = []
    for text in ("127.0.0.1", "::1") if is_local_name(host) else (host,):
        for family, target in ((socket.AF_INET, (text, port)), (socket.AF_INET6, (text, port, 0, 0))):
            with suppress(OSError, ValueError):
                socket.inet_pton(family, text)
                known.append((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", target))
    return known


class QuietSocket(socket.socket):
    """A socket that is closed without a warning when it is garbage, as when its event loop is gone.

    A forked child closes its copies, so that it can't read what the parent waits for, and so that the peer learns when
    the parent closes. If a call continues in the child, for example after a fork in a signal handler, it fails.
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
    descriptor = sock.fileno()  # asked once, because a fork in the middle of this closes the child's copy
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


#: Seconds between the starts of two attempts.
STAGGER = 0.25
_MOST_SHOWN = 4


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses, each once, with their families taking turns; the system's first one stays the first."""
    families: dict[int, dict[Any, Address]] = {}
    for address in addresses:
        families.setdefault(address[0], {}).setdefault(address[4], address)
    turns = zip_longest(*(family.values() for family in families.values()))
    return [address for address in chain.from_iterable(turns) if address is not None]


class ConnectionAttempts:
    """The attempts to connect to a host that has several addresses; `str()` gives the outcome of each.

    Args:
        addresses: The addresses in the system's order.

    Attributes:
        order: The addresses in the order to try them.
    """

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._failures: dict[Address, OSError] = {}
        self.order = interleaved(addresses)

    def fail(self, address: Address, error: OSError) -> None:
        """Note that an attempt failed."""
        self._failures[address] = error

    def error(self) -> OSError:
        """Return the error for attempts that have all failed."""
        *_, last = self._failures.values()
        for failure in self._failures.values():
            if lacks_descriptor(failure):
                return failure  # it is not about the address
        return last if len(self.order) == 1 else OSError(last.errno, str(self))

    def __str__(self) -> str:
        parts = [f"{address[4][0]}: {self._outcome(address)}" for address in self.order[:_MOST_SHOWN]]
        more = len(self.order) - _MOST_SHOWN
        return "; ".join([*parts, f"{more} more"] if more > 0 else parts)

    def _outcome(self, address: Address) -> str:
        failure = self._failures.get(address)
        return "no response" if failure is None else failure.strerror or str(failure)


# Seconds after which a lookup isn't joined. It may hang because the name service lost the question, and a new one may
# not.
_JOINABLE = 1.0


def _getaddrinfo(host: str, port: int) -> Sequence[Address]:
    # For a text Python imports its IDNA codec, which takes 1 ms; the name is ASCII already. What a program has put in
    # the function's place, as for its tests or to pin an address, may expect a text.
    is_original = getattr(socket.getaddrinfo, "__globals__", None) is vars(socket)
    name = host.encode("ascii") if is_original else host
    return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)


class Lookup:
    """A lookup that is running or has ended.

    Attributes:
        began_at: When it began, on the monotonic clock.
        has_ended: Whether it has ended.
    """

    def __init__(self, host: str, port: int) -> None:
        self.began_at: float = monotonic()
        self.has_ended = False
        self._place = host, port
        self._callbacks: list[Callable[[], object]] = []
        self._addresses: Sequence[Address] = ()
        self._error: BaseException | None = None

    def run(self) -> None:
        """Ask the name service."""
        try:
            self.end(_getaddrinfo(*self._place))
        except BaseException as error:  # raised where the result is asked for
            self.end(error=error)

    def end(self, addresses: Sequence[Address] = (), error: BaseException | None = None) -> None:
        """End the lookup, and call the callbacks."""
        self._addresses, self._error = addresses, error
        self.has_ended = True
        for callback in self._callbacks:
            with suppress(RuntimeError):  # the event loop has ended
                callback()

    def add_done_callback(self, callback: Callable[[], object]) -> None:
        """Call a function at the end, in any thread and perhaps twice. If the lookup has ended, call it at once."""
        self._callbacks.append(callback)
        if self.has_ended:
            callback()

    def result(self) -> Sequence[Address]:
        """Return the addresses.

        Raises:
            OSError: If the name can't be resolved.
            UnicodeError: If a label of the name is empty or too long.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._addresses


class Resolver:
    """Runs lookups, each in a daemon thread. Calls to one host share the lookup that has just begun."""

    def __init__(self) -> None:
        self.renew_in_child()
        renew_in_children(self)

    def renew_in_child(self) -> None:
        """Forget the parent's lookups, whose threads a forked process doesn't have."""
        self._lookups: dict[tuple[str, int], Lookup] = {}

    def lookup(self, host: str, port: int) -> Lookup:
        """Return the lookup of a host that began a moment ago, or begin one."""
        lookup = self._lookups.get((host, port))
        if lookup is None or lookup.has_ended or monotonic() - lookup.began_at >= _JOINABLE:
            lookup = self._lookups[host, port] = Lookup(host, port)
            try:
                threading.Thread(target=lookup.run, name="fibonacci-name-lookup", daemon=True).start()
            except RuntimeError as error:  # the system has no thread left, or the interpreter ends
                lookup.end(error=OSError(errno.EAGAIN, f"cannot start a thread for the name lookup: {error}"))
            except BaseException:
                self._lookups.pop((host, port), None)
                raise
        return lookup


resolver = Resolver()
