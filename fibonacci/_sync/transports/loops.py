# Derived from fibonacci/_async/transports/loops.py by tests/tools/mirror.py; change that file, not this one.
"""What tasks, threads and event loops share: a bounded number of places, and an object for each loop.

A signal can raise an exception, or run a handler that makes a call, at any line. So a place is held by an object of the
call: when the call ends, by whatever way, its object dies, and the place is free. An interrupt may cost the connection
in use, and nothing else.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar

from fibonacci._sync import _runtime
from fibonacci._system.concurrency import renew_in_children, snapshot

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One object for each event loop and each process, made on first use and dropped with its loop.

    Args:
        make: Makes one.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: weakref.WeakKeyDictionary[Hashable, T] = weakref.WeakKeyDictionary()
        renew_in_children(self)

    def get(self) -> T:
        """Return the object of the current process and event loop."""
        loop = _runtime.current_loop()
        made = self._made.get(loop)
        return self._made.setdefault(loop, self._make()) if made is None else made

    def pop(self) -> T | None:
        """Remove and return the object of the current event loop, if there is one."""
        return self._made.pop(_runtime.current_loop(), None)

    def clear(self) -> list[T]:
        """Remove and return the objects of all event loops."""
        dropped, self._made = self._made, weakref.WeakKeyDictionary()
        # Another thread may add one at this moment: the references are listed in one step.
        loops = [loop for reference in dropped.keyrefs() if (loop := reference()) is not None]
        return [made for loop in loops if (made := dropped.get(loop)) is not None]

    def renew_in_child(self) -> None:
        """Drop the parent's objects: two processes must not use one connection."""
        self.clear()


class CapacityShare:
    """What one caller has of a capacity, for as long as it lives."""

    __slots__ = ("__weakref__", "turn")

    def __init__(self) -> None:
        self.turn: _runtime.WakeEvent | None = None  # while it is in the queue, and after


class CapacityLimiter:
    """Limits how many callers proceed at a time. The others queue, first come, first served.

    Args:
        total: The largest number of callers that proceed at a time.

    Attributes:
        total: The same.
    """

    def __init__(self, total: int) -> None:
        self.total = min(total, sys.maxsize)
        self._lock = threading.RLock()
        self._holders: set[weakref.ref[CapacityShare]] = set()
        self._queue: deque[weakref.ref[CapacityShare]] = deque()

    @property
    def in_use(self) -> int:
        """How many callers proceed now."""
        return len(self._holders)

    def acquire_nowait(self, share: CapacityShare) -> bool:
        """Acquire capacity for a share, or return False if none is free."""
        return not self._queue and self._take(share)

    def acquire(self, share: CapacityShare, seconds: float | None) -> bool:
        """Acquire capacity for a share, or return False if none was free in time.

        Args:
            share: The share. It stays in the queue, and a second call waits on.
            seconds: Seconds to wait at most. None for no limit.
        """
        if share.turn is None:
            if self.acquire_nowait(share):
                return True
            share.turn = _runtime.turn()
            self._queue.append(weakref.ref(share, self._leave))
        ends = monotonic() + (float("inf") if seconds is None else seconds)
        while not self._take_in_turn(share):
            left = ends - monotonic()
            if left <= 0:
                return False
            share.turn.sleep(left)
        self._leave(weakref.ref(share))
        return True

    def release(self, share: CapacityShare) -> None:
        """Take a share out of the queue, and release its capacity, if it has any."""
        if share.turn is not None:
            self._leave(weakref.ref(share))
        self._free_place(weakref.ref(share))

    def _take_in_turn(self, share: CapacityShare) -> bool:
        # A handler's call uses the turn of the call that it has interrupted, which can't use it now.
        waiting = [each() for each in snapshot(self._queue.__iter__, max(0, self.total - self.in_use))]
        return any(each and each.turn is share.turn for each in waiting) and self._take(share)

    def _take(self, share: CapacityShare) -> bool:
        with self._lock:
            if len(self._holders) < self.total:
                self._holders.add(weakref.ref(share, self._free_place))
                return True
        return False

    def _free_place(self, holder: weakref.ref[CapacityShare]) -> None:
        """Free the place of a share that was released, or is garbage."""
        self._holders.discard(holder)
        if self._queue:
            self._wake_next()

    def _leave(self, waiting: weakref.ref[CapacityShare]) -> None:
        """Take a share out of the queue that need not wait any more, or is garbage."""
        with suppress(ValueError):
            self._queue.remove(waiting)
        self._wake_next()

    def _wake_next(self) -> None:
        """Wake the last of those in the queue for whom capacity is free: each that leaves wakes another one."""
        free = self.total - self.in_use
        with suppress(IndexError, RuntimeError):  # nobody waits, or the event loop has ended
            waiting = self._queue[min(free, len(self._queue)) - 1]() if free > 0 else None
            if waiting is not None and waiting.turn is not None:
                waiting.turn.set()
