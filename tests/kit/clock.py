"""A clock that moves when the client sleeps, or when the test says so: waits take no real time."""

from __future__ import annotations

import time
from typing import Any

import anyio.lowlevel

START = 1_800_000_000.0


class FakeClock:
    """The clock of a client, as its argument `clock=`.

    Args:
        runs: Whether real time passes too; a server on a socket needs some.

    Attributes:
        skipped: Seconds that were slept or advanced.
        slept: The sleeps of the client, in order.
    """

    def __init__(self, *, runs: bool = False) -> None:
        self._runs = runs
        self.skipped = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return (time.monotonic() if self._runs else 1000.0) + self.skipped

    def time(self) -> float:
        return (time.time() if self._runs else START) + self.skipped

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.skipped += seconds

    def advance(self, seconds: float) -> None:
        """Move the time without a sleep."""
        self.skipped += seconds

    def in_mode(self, *, is_async: bool) -> Any:
        """Return the clock as a client of either mode takes it."""
        return AsyncFakeClock(self) if is_async else self


class AsyncFakeClock:
    """The same clock for the async client."""

    def __init__(self, clock: FakeClock) -> None:
        self.monotonic = clock.monotonic
        self.time = clock.time
        self._clock = clock

    async def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)
        await anyio.lowlevel.checkpoint()
