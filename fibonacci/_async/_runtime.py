"""What has no mechanical counterpart in the other colour: sleeping, waiting for a place, event loops.

This file and its twin in the other half are written by hand; everything else in the synchronous half is derived.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Hashable
from typing import TypeVar, cast

import anyio

T = TypeVar("T")


async def sleep(seconds: float) -> None:
    """Wait so many seconds."""
    await anyio.sleep(seconds)


async def resolve(value: T | Awaitable[T]) -> T:
    """The value itself, or what it is worth when it has to be awaited."""
    if isinstance(value, Awaitable):
        return await cast("Awaitable[T]", value)
    return value


def current_loop() -> Hashable:
    """What identifies the event loop that runs here: connections cannot be carried from one to another."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules["trio"]  # it is running, so it is imported
        return cast("Hashable", trio.lowlevel.current_trio_token())


class CapacityLimiter:
    """A number of places, for which callers queue."""

    def __init__(self, number: int) -> None:
        self._semaphore = anyio.Semaphore(number)

    async def take(self, timeout: float | None) -> bool:
        """Take a place; False when none became free within `timeout` seconds."""
        try:
            self._semaphore.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.move_on_after(timeout):
                await self._semaphore.acquire()
                return True
            return False
        return True

    def release(self) -> None:
        """Give a place back."""
        self._semaphore.release()
