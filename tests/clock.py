"""A clock that only moves when the client sleeps, or when the test says so: waits take no real time."""

from __future__ import annotations

import importlib
import pkgutil
import time
from types import SimpleNamespace

import pytest

import fibonacci._core

START = 1_800_000_000.0


class Clock:
    """The time as the rules of the client see it.

    Attributes:
        elapsed: Seconds since the test began.
        slept: What the client has slept, in order.
    """

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    def time(self) -> float:
        return START + self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of the real clock in the client's rules, and of its sleep in both colours."""
        stand_in = SimpleNamespace(monotonic=self.monotonic, time=self.time)
        for found in pkgutil.iter_modules(fibonacci._core.__path__, "fibonacci._core."):
            module = importlib.import_module(found.name)
            if getattr(module, "time", None) is time:
                monkeypatch.setattr(module, "time", stand_in)
        monkeypatch.setattr("fibonacci._sync._runtime.sleep", self.sleep)
        monkeypatch.setattr("fibonacci._async._runtime.sleep", self.sleep_async)
