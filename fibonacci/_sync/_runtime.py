"""What has no mechanical counterpart in the other colour: sleeping, waiting for a place, event loops.

This file and its twin in the other half are written by hand; everything else in this half is derived.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from typing import TypeVar

T = TypeVar("T")


def sleep(seconds: float) -> None:
    """Wait so many seconds."""
    time.sleep(seconds)


def resolve(value: T) -> T:
    """The value itself."""
    return value


class _World:
    """Stands where the other colour has its event loop."""


_WORLD = _World()


def current_loop() -> Hashable:
    """There is but one world to make connections in."""
    return _WORLD


class CapacityLimiter:
    """A number of places, for which callers queue."""

    def __init__(self, number: int) -> None:
        self._semaphore = threading.Semaphore(number)

    def take(self, timeout: float | None) -> bool:
        """Take a place; False when none became free within `timeout` seconds."""
        return self._semaphore.acquire(timeout=timeout)

    def release(self) -> None:
        """Give a place back."""
        self._semaphore.release()
