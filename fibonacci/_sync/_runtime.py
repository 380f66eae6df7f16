"""What has no mechanical counterpart in the other mode: the system's clock, event loops.

This file and its twin in the other half are written by hand. Everything else in this half is derived.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from time import monotonic, sleep
from time import time as unix_time
from typing import TypeVar

from fibonacci._core.options import coroutine_error
from fibonacci._texts.suggestions import HintedList

T = TypeVar("T")

# On Windows, Ctrl-C does not end the wait for a lock before its time.
LONGEST_SLEEP = 1.0 if sys.platform == "win32" else threading.TIMEOUT_MAX


class SystemClock:
    """The clock of the machine."""

    monotonic = staticmethod(monotonic)
    time = staticmethod(unix_time)
    sleep = staticmethod(sleep)


def import_calls() -> None:
    """Import nothing: what a call needs is imported when it is needed, and delays no other."""


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
    """Call a function that limits its time itself. A thread can't be shielded from Ctrl-C."""
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


class IterationHints(HintedList):
    """Explains nothing more: a list with `__aiter__` or `__await__` would pass for an async one, where programs ask."""

    __slots__ = ()


class WakeEvent:
    """Ends the sleep of one thread. Any thread may set it, and so may a signal handler, even during the sleep.

    `threading.Event` holds a lock for moments of a sleep, for which a handler of the same thread would wait forever.
    """

    def __init__(self) -> None:
        self._awake = threading.Lock()  # locked until the event is set; nothing waits for it but the sleep
        self._awake.acquire()

    def set(self) -> None:
        """End the present sleep, or the next one."""
        with suppress(RuntimeError):  # it is set
            self._awake.release()

    def sleep(self, seconds: float) -> None:
        """Sleep until the event is set, but no longer than so many seconds."""
        ends = monotonic() + seconds
        while not self._awake.acquire(timeout=min(max(0.0, ends - monotonic()), LONGEST_SLEEP)) and monotonic() < ends:
            pass


_own = threading.local()


def turn() -> WakeEvent:
    """Return what ends the wait of the present thread for its turn, also in a signal handler that interrupts it."""
    found: WakeEvent | None = getattr(_own, "turn", None)
    if found is None:
        found = _own.turn = WakeEvent()
    return found
