"""An emulator as the server under test, whose clock is moved where a check would wait."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

from fibonacci.emulator import Emulator
from fibonacci.testing.contract.server import Server


class SkippingWaits:
    """The clock of a client of an emulator: its sleeps take no time, and move the emulator's clock too."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._slept = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._slept

    def time(self) -> float:
        return time.time() + self._slept

    def sleep(self, seconds: float, /) -> None:
        self._slept += seconds
        self._emulator.clock.advance(seconds)


@contextmanager
def served(emulator: Emulator) -> Generator[Server]:
    """Serve an emulator whose clock is advanced where a check would sleep."""
    with emulator:
        server = Server(
            emulator.base_url,
            emulator.api_key,
            organization_id="default",
            role_keys={"admin": emulator.key("admin"), "member": emulator.key("member")},
            clock=SkippingWaits(emulator),
        )
        yield server
        server.close()
