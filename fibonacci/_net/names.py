"""Name lookups: in a few threads, and one a second for each name, whose result all calls that wait for it share.

The system's lookup has no time limit and cannot be canceled; it may hang for as long as the name service does. So it
runs in daemon threads, and a call may stop waiting for it. The executor of asyncio is not used: at the end of
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
from queue import Empty, SimpleQueue
from time import monotonic

from fibonacci._forks import renew_in_children
from fibonacci._net.sockets import Address

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
        end: SimpleQueue[None] = SimpleQueue()
        self.add_done_callback(partial(end.put, None))
        with suppress(Empty):
            end.get(timeout=None if seconds is None else min(seconds, threading.TIMEOUT_MAX))
        return self._has_ended

    def add_done_callback(self, callback: Callable[[], object]) -> None:
        """Have a function called at the end, in any thread and perhaps twice; at once if the lookup has ended."""
        self._callbacks.append(callback)
        if self._has_ended:
            callback()

    def result(self) -> Sequence[Address]:
        """Return the addresses.

        Raises:
            OSError: If the name cannot be resolved.
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


class Resolver:
    """Runs lookups in at most `MAX_THREADS` threads, which end when there is nothing to look up.

    It takes no lock, which a signal's handler may meet in its own thread. What a thread needs it takes itself, when it
    runs: so one that is not started, or whose start is interrupted, changes nothing.
    """

    def __init__(self) -> None:
        self.renew_in_child()
        renew_in_children(self)

    def renew_in_child(self) -> None:
        """Begin anew: a forked process has none of the threads."""
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
                refusal = OSError(errno.EAGAIN, f"no thread for the name lookup: {error}")
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
