"""What has no mechanical counterpart in the other mode: the system's clock, capacity, event loops.

This file and its twin in the other half are written by hand; everything else in this half is derived.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Hashable
from time import monotonic, sleep
from time import time as unix_time
from typing import TypeVar

T = TypeVar("T")

# On Windows, Ctrl-C does not end the wait for a lock before its time.
_LONGEST_SLEEP = 1.0 if sys.platform == "win32" else threading.TIMEOUT_MAX


class SystemClock:
    """The clock of the machine."""

    monotonic = staticmethod(monotonic)
    time = staticmethod(unix_time)
    sleep = staticmethod(sleep)


def resolve(value: T) -> T:
    """Return the value."""
    return value


class _NoLoop:
    """Stands for the event loop of the other mode. An object of its own, as weak references to it are kept."""


_NO_LOOP = _NoLoop()


def current_loop() -> Hashable:
    """Return a constant: without an event loop, all connections can be used everywhere in the process."""
    return _NO_LOOP


class CapacityLimiter:
    """Bounds how many callers proceed at a time; the others queue."""

    def __init__(self, total: int) -> None:
        self._semaphore = threading.Semaphore(total)

    def acquire(self, timeout: float | None) -> bool:
        """Acquire capacity for one caller; return False when none was released within `timeout` seconds."""
        return self._semaphore.acquire(timeout=timeout)

    def release(self) -> None:
        """Release the capacity of one caller."""
        self._semaphore.release()


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
        while not self._event.wait(min(max(0.0, ends - monotonic()), _LONGEST_SLEEP)) and monotonic() < ends:
            pass
        self._event.clear()
