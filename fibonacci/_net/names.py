"""Name lookups, and the addresses of a host in the order in which to try them (RFC 8305).

The system's lookup has no time limit and can't be canceled; it may hang for as long as the name service does. So it
runs in daemon threads, and a call may stop waiting for it. The executor of asyncio isn't used: at the end of
`asyncio.run` it waits for the lookups that hang.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, zip_longest
from time import monotonic
from typing import Any

from fibonacci._concurrency import renew_in_children
from fibonacci._net.sockets import Address, lacks_descriptor

#: Seconds between the starts of two attempts.
STAGGER = 0.25
#: Seconds for which an address that accepted in place of an earlier one is tried first.
PREFERENCE = 60.0
_MOST_PREFERRED = 256
_MOST_SHOWN = 4

#: The address of a host that accepted last, where it was not the first one, and until when to prefer it.
_preferred: dict[tuple[str, int], tuple[Any, float]] = {}


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses, each once, with their families taking turns; the system's first one stays the first."""
    families: dict[int, dict[Any, Address]] = {}
    for address in addresses:
        families.setdefault(address[0], {}).setdefault(address[4], address)
    turns = zip_longest(*(family.values() for family in families.values()))
    return [address for address in chain.from_iterable(turns) if address is not None]


class ConnectionAttempts:
    """The attempts to connect to a host that has several addresses; `str()` gives the outcome of each.

    The address that accepted is preferred by the whole process when it wasn't the first, so that only one connection in
    a minute waits for a dead address.

    Args:
        host: The host.
        port: The port.
        addresses: Its addresses in the system's order.
        now: The monotonic time.

    Attributes:
        order: The addresses in the order to try them.
    """

    def __init__(self, host: str, port: int, addresses: Sequence[Address], now: float) -> None:
        self._key = (host, port)
        self._failures: dict[Address, OSError] = {}
        self.order = interleaved(addresses)
        target, until = _preferred.get(self._key, (None, now))
        if now < until:
            self.order.sort(key=lambda address: address[4] != target)

    def succeed(self, address: Address, now: float) -> None:
        """Note that an address accepted."""
        if address is not self.order[0]:
            if len(_preferred) >= _MOST_PREFERRED:
                _preferred.clear()
            _preferred[self._key] = (address[4], now + PREFERENCE)

    def fail(self, address: Address, error: OSError) -> None:
        """Note that an attempt failed."""
        self._failures[address] = error
        if _preferred.get(self._key, (None,))[0] == address[4]:
            _preferred.pop(self._key, None)

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


MAX_THREADS = 8
# Seconds after which a lookup is not joined while a thread is free: it may hang, as when the name service lost the
# question, and a new one may not.
_JOINABLE = 1.0


def _getaddrinfo(host: str, port: int) -> Sequence[Address]:
    # For a text Python imports its IDNA codec, which takes 1 ms; the name is ASCII already. What a program has put in
    # the function's place, as for its tests or to pin an address, may expect a text.
    is_original = getattr(socket.getaddrinfo, "__globals__", None) is vars(socket)
    name = host.encode("ascii") if is_original else host
    return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)


class Lookup:
    """A lookup that runs or has ended.

    Attributes:
        began_at: When it was asked for, on the monotonic clock.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.began_at: float = monotonic()
        self._has_ended = False
        self._callbacks: list[Callable[[], object]] = []
        self._addresses: Sequence[Address] = ()
        self._error: BaseException | None = None

    def wait(self, seconds: float | None) -> bool:
        """Wait for the end; return whether the lookup has ended."""
        # Of this wait alone: a signal's handler may wait for the same lookup in the midst of it.
        end = threading.Lock()
        end.acquire()
        self.add_done_callback(partial(_release, end))
        end.acquire(timeout=-1 if seconds is None else min(seconds, threading.TIMEOUT_MAX))
        return self._has_ended

    def add_done_callback(self, callback: Callable[[], object]) -> None:
        """Have a function called at the end, in any thread and perhaps twice; at once if the lookup has ended."""
        self._callbacks.append(callback)
        if self._has_ended:
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

    def end(self, addresses: Sequence[Address], error: BaseException | None) -> None:
        """End the lookup."""
        self._addresses, self._error = addresses, error
        self._has_ended = True
        for callback in self._callbacks:
            callback()


def _release(end: threading.Lock) -> None:
    with suppress(RuntimeError):  # it has been released before
        end.release()


class Resolver:
    """Runs lookups in at most `MAX_THREADS` threads, which end when there is nothing to look up.

    It takes no lock, which a signal's handler may meet in its own thread. What a thread needs it takes itself, when it
    runs: so one that isn't started, or whose start is interrupted, changes nothing.
    """

    def __init__(self) -> None:
        self.renew_in_child()
        renew_in_children(self)

    def renew_in_child(self) -> None:
        """Begin again: a forked process has none of the threads."""
        self._lookups: dict[tuple[str, int], Lookup] = {}
        self._queue: deque[Lookup] = deque()
        self._free: deque[int] = deque(range(MAX_THREADS))

    def lookup(self, host: str, port: int) -> Lookup:
        """Return the lookup of a host that began a moment ago, or begin one."""
        lookup = self._lookups.get((host, port))
        if lookup is None or (self._free and monotonic() - lookup.began_at >= _JOINABLE):
            lookup = self._lookups[host, port] = Lookup(host, port)
            self._queue.append(lookup)
        if self._queue and self._free:  # also for one that another call has left there, interrupted
            try:
                threading.Thread(target=self._run, name="fibonacci-name-lookup", daemon=True).start()
            except RuntimeError as error:  # the system has no thread left, or the interpreter ends
                refusal = OSError(errno.EAGAIN, f"cannot start a thread for the name lookup: {error}")
                while (queued := _pop(self._queue)) is not None:
                    self._end(queued, (), refusal)
        return lookup

    def _run(self) -> None:
        queue, free = self._queue, self._free
        while queue:
            try:
                place = free.pop()
            except IndexError:
                return  # as many threads as there may be look at the queue
            while (lookup := _pop(queue)) is not None:
                try:
                    addresses = _getaddrinfo(lookup.host, lookup.port)
                except BaseException as error:  # raised where the result is asked for
                    self._end(lookup, (), error)
                else:
                    self._end(lookup, addresses, None)
            free.append(place)  # before the last look at the queue: who adds to it looks at this one after

    def _end(self, lookup: Lookup, addresses: Sequence[Address], error: BaseException | None) -> None:
        if self._lookups.get((lookup.host, lookup.port)) is lookup:  # else a later one has taken its place
            self._lookups.pop((lookup.host, lookup.port), None)
        lookup.end(addresses, error)


def _pop(queue: deque[Lookup]) -> Lookup | None:
    try:
        return queue.popleft()
    except IndexError:
        return None


resolver = Resolver()
