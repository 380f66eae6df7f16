"""Objects that cannot be shared between event loops, nor between processes."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from fibonacci._async import _runtime

T = TypeVar("T")


class AsyncPerLoop(Generic[T]):
    """One object for each event loop and each process, made on first use and dropped with its loop.

    Args:
        make: Makes one.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._process = os.getpid()
        self._made: weakref.WeakKeyDictionary[Hashable, T] = weakref.WeakKeyDictionary()

    def get(self) -> T:
        """Return the object of the present process and event loop."""
        if self._process != os.getpid():
            # After a fork, what was made is the parent's: two processes must not use one connection.
            self.clear()
        loop = _runtime.current_loop()
        made = self._made.get(loop)
        return self._made.setdefault(loop, self._make()) if made is None else made

    def pop(self) -> T | None:
        """Remove and return the object of the present event loop, if there is one."""
        return self._made.pop(_runtime.current_loop(), None)

    def clear(self) -> None:
        """Drop the objects of all event loops."""
        self._process = os.getpid()
        self._made = weakref.WeakKeyDictionary()
