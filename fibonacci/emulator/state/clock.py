"""The clock of an emulator, its only source of time."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from typing import Final, get_args

from fibonacci.emulator.option_values import TimeMode

LAST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""The last time that ISO 8601 can express. Later times are clamped to it."""


class EmulatorClock:
    """The time of an emulator, available as `emulator.clock` and safe to use from many threads.

    Attributes:
        mode: `real` (the machine's time), `skip` (the waits of executions are skipped) or `manual` (only `advance`
            moves it).

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> clock = Emulator(time="manual").clock
        >>> before = clock.now()
        >>> clock.advance(3600)
        >>> clock.now() - before
        3600.0
    """

    def __init__(self, mode: TimeMode = "real") -> None:
        if mode not in get_args(TimeMode):
            raise ValueError(f"time must be one of {', '.join(get_args(TimeMode))}, not {mode!r}")
        self.mode: Final[TimeMode] = mode
        self._follows_machine = mode != "manual"
        # Seconds ahead of the machine's time. For a manual clock, the time itself.
        self._time = 0.0 if self._follows_machine else float(int(time.time()))
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> float:
        """Return the current time of the emulator.

        Returns:
            Unix seconds, including those that were skipped.
        """
        return min(time.time() + self._time, LAST) if self._follows_machine else self._time

    def advance(self, seconds: float) -> None:
        """Move the time forward.

        Args:
            seconds: How many seconds to move. Waits, quotas, rate limits and lifetimes end as if that time had passed.

        Raises:
            ValueError: If the number is negative, because time doesn't go back.
            StateError: If the new time can't be stored in the file of the state. The time then stays as it was.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"time can only go forward, not by {seconds} seconds")
        moved = self._move(seconds)
        try:
            for listener in self._listeners:
                listener()
        except BaseException:
            self._move(-moved)
            raise

    def _move(self, seconds: float) -> float:
        """Move the time, at most to `LAST`, and return by how many seconds."""
        with self._lock:
            seconds = min(seconds, max(0.0, LAST - self.now()))
            self._time += seconds
            return seconds


class VirtualClock(EmulatorClock):
    """The clock as the emulator itself moves it.

    Attributes:
        skipped: The seconds of waits that were skipped. Rate limits ignore them, because skipping a wait doesn't space
            out a caller's requests.
    """

    def __init__(self, mode: TimeMode = "real") -> None:
        super().__init__(mode)
        self.skipped: float = 0.0

    def advance_to(self, moment: float) -> None:
        """Advance the time to a moment in Unix seconds, unless it has passed, without calling a listener."""
        self._move(max(0.0, moment - self.now()))

    def skip_to(self, moment: float) -> None:
        """Skip a wait: advance the time to its end, in Unix seconds, as `advance_to` does."""
        before = self.now()
        self.advance_to(moment)
        self.skipped += max(0.0, min(moment, LAST) - before)

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call a function after every `advance`, which is undone if the function raises."""
        self._listeners.append(listener)


def later(moment: float, seconds: float) -> float:
    """Return the time some seconds after a moment in Unix seconds, at most `LAST`."""
    return moment + min(seconds, LAST - moment)


def milliseconds(seconds: float) -> int:
    """Return a time in whole milliseconds, as `iso` shows it: the difference of two matches the times shown."""
    return round(seconds * 1_000_000) // 1000


def iso(seconds: float) -> str:
    """Format a time as ISO 8601 in UTC, with milliseconds.

    Args:
        seconds: Unix seconds. A later time than `LAST`, such as a deadline, is formatted as `LAST`.

    Example:
        >>> iso(0.25)
        '1970-01-01T00:00:00.250Z'
    """
    whole, thousandths = divmod(milliseconds(min(seconds, LAST)), 1000)
    return f"{datetime.fromtimestamp(whole, UTC).isoformat().removesuffix('+00:00')}.{thousandths:03}Z"


@lru_cache(maxsize=4)
def http_date(seconds: int) -> str:
    """Format a time as an HTTP date."""
    return formatdate(seconds, usegmt=True)
