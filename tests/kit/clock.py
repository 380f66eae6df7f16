"""A clock that moves when the client sleeps, or when the test says so: waits take no real time."""

from __future__ import annotations

import math
import threading
import time
from types import TracebackType
from typing import Any, Self

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
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")  # as `time.sleep` does
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


class Standstill:
    """Measures how long this process could not run while the block lasts: the machine was busy with other things.

    A thread sleeps 5 ms at a time; what it oversleeps beyond some turns of other threads is a standstill. An upper
    bound of seconds holds for what is left without them, so it says the same on every machine.
    """

    _NAP = 0.005
    _TURNS = 0.03

    def __init__(self) -> None:
        self._sum_and_last_turn = (0.0, time.monotonic())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="standstill", daemon=True)

    @property
    def seconds(self) -> float:
        """The sum so far, with what the thread may not have had the time to notice."""
        so_far, last_turn = self._sum_and_last_turn
        slept = time.monotonic() - last_turn
        return so_far + (slept - self._NAP if slept > self._TURNS else 0.0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._sum_and_last_turn = (self.seconds, math.inf)  # which stays as it is

    def _watch(self) -> None:
        while not self._ended.wait(self._NAP):
            self._sum_and_last_turn = (self.seconds, time.monotonic())
