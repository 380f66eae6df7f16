"""An emulator as the server under test, whose clock is moved where a check would wait."""

from __future__ import annotations

import time

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.in_process import InProcessTransport
from fibonacci.transports import Transport
from tests.contract.suite.server import Server


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


def server_of(emulator: Emulator, transport: Transport | None = None) -> Server:
    """Return an emulator in this process as the server under test: its clock is advanced where a check would sleep.

    Args:
        emulator: The emulator.
        transport: Reaches it through something else.
    """
    return Server(
        "http://127.0.0.1/v1",
        emulator.api_key,
        organization_id="default",
        role_keys={"admin": emulator.key("admin"), "member": emulator.key("member")},
        transport=transport or InProcessTransport(app_of(emulator)),
        clock=SkippingWaits(emulator),
    )
