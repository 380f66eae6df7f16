"""What has no mechanical counterpart in the other mode: the system's clock, capacity, event loops.

This file and its twin in the other half are written by hand; everything else in this half is derived.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from time import monotonic, sleep
from time import time as unix_time
from typing import TypeVar

from fibonacci._core.deadline import Deadline
from fibonacci._core.option_checks import coroutine_error

T = TypeVar("T")

HTTP2_CALLS = 1
"""How many calls may use a connection of httpx for HTTP/2 at a time.

httpx and httpx2 do not lock the state of such a connection: two threads may get the same stream, and what they send
breaks the connection (https://github.com/pydantic/httpx2/pull/1153).
"""

# On Windows, Ctrl-C does not end the wait for a lock before its time.
LONGEST_SLEEP = 1.0 if sys.platform == "win32" else threading.TIMEOUT_MAX


class SystemClock:
    """The clock of the machine."""

    monotonic = staticmethod(monotonic)
    time = staticmethod(unix_time)
    sleep = staticmethod(sleep)


def resolve(name: str, value: T) -> T:
    """Return what a function of the user returned.

    Args:
        name: What the function was passed as.
        value: What it returned.

    Raises:
        TypeError: If it is a coroutine, such as that of an async function in a lambda: it would never be carried out.
    """
    if isinstance(value, Coroutine):
        value.close()
        raise coroutine_error(name)
    return value


def shielded(function: Callable[[], object], seconds: float) -> None:
    """Call a function, which bounds its time itself; a thread cannot be shielded from Ctrl-C."""
    function()


def checkpoint() -> None:
    """Do nothing: threads need not let each other run."""


class _NoLoop:
    """Stands for the event loop of the other mode. An object of its own, as weak references to it are kept."""


_NO_LOOP = _NoLoop()


def call_later(seconds: float, function: Callable[[], object]) -> bool:
    """Return False: without an event loop nothing can be called later."""
    return False


def current_loop() -> Hashable:
    """Return a constant: without an event loop, all connections can be used everywhere in the process."""
    return _NO_LOOP


class IterationHints:
    """Explains nothing: a list with `__aiter__` or `__await__` would pass for an async one, where programs ask."""


class CapacityLimiter:
    """Bounds how many callers proceed at a time; the others queue, first come, first served.

    Args:
        total: The largest number of callers that proceed at a time.

    Attributes:
        total: The same.
        in_use: How many callers proceed now.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.in_use = 0
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()

    def acquire_nowait(self) -> bool:
        """Acquire capacity for one caller; return False when none is free."""
        with self._lock:
            if self.in_use >= self.total:
                return False
            self.in_use += 1
            return True

    def acquire(self, deadline: Deadline, report_in: float | None, on_wait: Callable[[], object]) -> bool:
        """Acquire capacity for one caller; return False when none was released in time.

        Args:
            deadline: The end of the caller's time.
            report_in: Seconds of waiting after which to call `on_wait`; None for never.
            on_wait: Called once, when the wait takes that long.
        """
        turn = threading.Event()
        with self._lock:
            if self.in_use < self.total:
                self.in_use += 1
                return True
            self._queue.append(turn)
        try:
            if not turn.wait(deadline.cap(report_in)) and deadline.remaining() != 0:
                on_wait()
                turn.wait(deadline.remaining())
        except BaseException:
            if not self._leave(turn):
                self.release()
            raise
        return not self._leave(turn)

    def release(self) -> None:
        """Release the capacity of one caller, to the first in the queue if there is one."""
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self.in_use -= 1

    def _leave(self, turn: threading.Event) -> bool:
        """Leave the queue; return False when capacity was given before."""
        with self._lock, suppress(ValueError):
            self._queue.remove(turn)
            return True
        return False


class WakeEvent:
    """Ends the sleep of one thread; any thread may set it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """End the present sleep, or the next one."""
        self._event.set()

    def sleep(self, seconds: float) -> None:
        """Sleep until the event is set, but no longer than so many seconds."""
        ends = monotonic() + seconds
        while not self._event.wait(min(max(0.0, ends - monotonic()), LONGEST_SLEEP)) and monotonic() < ends:
            pass
        self._event.clear()
