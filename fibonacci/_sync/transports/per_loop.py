# Derived from fibonacci/_async/transports/per_loop.py by tests/tools/mirror.py; change that file, not this one.
"""Objects that cannot be shared between event loops, nor between processes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from fibonacci._concurrency import renew_in_children
from fibonacci._sync import _runtime

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
        """Return the object of the present process and event loop."""
        loop = _runtime.current_loop()
        made = self._made.get(loop)
        return self._made.setdefault(loop, self._make()) if made is None else made

    def pop(self) -> T | None:
        """Remove and return the object of the present event loop, if there is one."""
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
