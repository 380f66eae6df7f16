"""A clock that a client and an emulator share: what the client sleeps passes on the platform too."""

from __future__ import annotations

from fibonacci.emulator import Emulator
from tests.kit.clock import FakeClock


class SharedClock(FakeClock):
    """The time of a client, which the emulator's clock follows. Real time passes too, unless that clock is manual.

    Args:
        emulator: The platform.
    """

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(runs=emulator.clock.mode != "manual")
        self._emulator = emulator

    def time(self) -> float:
        return self._emulator.clock.now()

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._emulator.clock.advance(seconds)
