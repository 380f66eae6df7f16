"""What tasks, threads and event loops share: a bounded number of places, and an object for each loop.

A signal can raise an exception, or run a handler that makes a call, at any line. So nothing here takes a lock: the call
of a handler would wait for it forever when the call that it has interrupted holds it. Capacity moves from one list to
another in a single step of the interpreter, so that no interrupt loses it, and a release may be repeated.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from itertools import islice, repeat
from operator import length_hint
from time import monotonic
from typing import Generic, TypeVar

from fibonacci._async import _runtime
from fibonacci._concurrency import first, renew_in_children

T = TypeVar("T")


class AsyncPerLoop(Generic[T]):
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


class AsyncCapacityShare:
    """What one caller has of a capacity. It is made before capacity is acquired, so that its caller can release it."""

    __slots__ = ("held", "turn")

    def __init__(self) -> None:
        self.held: list[bool] = []
        self.turn: _runtime.WakeEvent | None = None  # while it is in the queue, and after


class AsyncCapacityLimiter:
    """Limits how many callers proceed at a time. The others queue, first come, first served.

    Args:
        total: The largest number of callers that proceed at a time.

    Attributes:
        total: The same.
    """

    def __init__(self, total: int) -> None:
        self.total = min(total, sys.maxsize)
        self._unused = repeat(True, self.total)
        self._released: deque[bool] = deque()
        self._queue: deque[AsyncCapacityShare] = deque()

    @property
    def in_use(self) -> int:
        """How many callers proceed now."""
        return self.total - self._free()

    def acquire_nowait(self, share: AsyncCapacityShare) -> bool:
        """Acquire capacity for a share, which has to be released, or return False if none is free."""
        return not self._queue and self._take(share)

    async def acquire(self, share: AsyncCapacityShare, seconds: float | None) -> bool:
        """Acquire capacity for a share, which has to be released, or return False if none was free in time.

        Args:
            share: The share. It stays in the queue, and a second call waits on.
            seconds: Seconds to wait at most. None for no limit.
        """
        if share.turn is None:
            if self.acquire_nowait(share):
                return True
            share.turn = _runtime.turn()
            self._queue.append(share)
        ends = monotonic() + (float("inf") if seconds is None else seconds)
        while not self._take_in_turn(share):
            left = ends - monotonic()
            if left <= 0:
                return False
            await share.turn.sleep(left)
        self._leave(share)
        self._wake_next()
        return True

    def release(self, share: AsyncCapacityShare) -> None:
        """Take a share out of the queue, and release its capacity, if it has any.

        A second call completes what an interrupt left undone. Callers make it in a second `finally`.
        """
        if share.turn is not None:
            self._leave(share)
        if share.held:
            with suppress(IndexError):  # a handler has done it at this line
                self._released.extend(islice(iter(share.held.pop, None), 1))
        if self._queue:
            self._wake_next()

    def _take_in_turn(self, share: AsyncCapacityShare) -> bool:
        # A handler's call uses the turn of the call that it has interrupted, which can't use it now.
        turns = [waiting.turn for waiting in first(self._queue.__iter__, self._free())]
        return share.turn in turns and self._take(share)

    def _take(self, share: AsyncCapacityShare) -> bool:
        if self._released:
            with suppress(IndexError):  # another thread has taken the last
                share.held.extend(islice(iter(self._released.pop, None), 1))
        if not share.held:
            share.held.extend(islice(self._unused, 1))
        return bool(share.held)

    def _leave(self, share: AsyncCapacityShare) -> None:
        with suppress(ValueError):
            self._queue.remove(share)

    def _wake_next(self) -> None:
        """Wake the last of those in the queue for whom capacity is free: each that leaves wakes another one."""
        free = self._free()
        with suppress(IndexError, RuntimeError):  # nobody waits, or the event loop has ended
            turn = self._queue[min(free, len(self._queue)) - 1].turn if free else None
            if turn is not None:
                turn.set()

    def _free(self) -> int:
        return length_hint(self._unused) + len(self._released)
