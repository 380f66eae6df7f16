"""The GET requests that an emulator gets in each minute, on a clock that client and emulator share."""

from __future__ import annotations

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest
from tests.batch.shared_clock import SharedClock


class RequestsByMinute:
    """Counts the GET requests of each minute from now on.

    Args:
        emulator: The platform.

    Attributes:
        clock: The clock of the client.
        minutes: The number of requests in each minute.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.clock = SharedClock(emulator)
        self.minutes: list[int] = []
        self._begin = self.clock.monotonic()
        app_of(emulator).observers.append(self._count)

    def _count(self, request: ServerRequest, *_: object) -> None:
        if request.method != "GET":
            return
        minute = int((self.clock.monotonic() - self._begin) // 60)
        self.minutes += [0] * (minute + 1 - len(self.minutes))
        self.minutes[minute] += 1
