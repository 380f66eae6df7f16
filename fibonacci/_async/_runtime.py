"""What has no mechanical counterpart in the other mode: the system's clock, capacity, event loops.

This file and its twin in the other half are written by hand; everything else in the synchronous half is derived.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from time import time as unix_time
from typing import Any, TypeVar, cast

import anyio

T = TypeVar("T")


class AsyncSystemClock:
    """The clock of the machine."""

    monotonic = staticmethod(monotonic)
    time = staticmethod(unix_time)

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        await anyio.sleep(seconds)


async def resolve(value: T | Awaitable[T]) -> T:
    """Return the value, awaited when it is awaitable."""
    if isinstance(value, Awaitable):
        return await cast("Awaitable[T]", value)
    return value


def current_loop() -> Hashable:
    """Return what identifies the running event loop: connections cannot be moved from one to another."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules["trio"]  # it is running, so it is imported
        return cast("Hashable", trio.lowlevel.current_trio_token())


class CapacityLimiter:
    """Bounds how many callers proceed at a time; the others queue."""

    def __init__(self, total: int) -> None:
        self._semaphore = anyio.Semaphore(total)

    async def acquire(self, timeout: float | None) -> bool:
        """Acquire capacity for one caller; return False when none was released within `timeout` seconds."""
        try:
            self._semaphore.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.move_on_after(timeout):
                await self._semaphore.acquire()
                return True
            return False
        return True

    def release(self) -> None:
        """Release the capacity of one caller."""
        self._semaphore.release()


class WakeEvent:
    """Ends the sleep of one task; any thread may set it."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._call_soon = _call_soon()

    def set(self) -> None:
        """End the present sleep, or the next one.

        Raises:
            RuntimeError: If the event loop is closed.
        """
        self._call_soon(self._set)

    async def sleep(self, seconds: float) -> None:
        """Sleep until the event is set, but no longer than so many seconds."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        if self._event.is_set():
            self._event = anyio.Event()

    def _set(self) -> None:
        self._event.set()


def _call_soon() -> Callable[[Callable[[], None]], Any]:
    """Return what lets the running event loop call a function, from any thread."""
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        token: Callable[[Callable[[], None]], Any] = sys.modules["trio"].lowlevel.current_trio_token().run_sync_soon
        return token
