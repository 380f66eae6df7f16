"""The emulator's time. Everything that asks for the time asks this clock."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from typing import Final, Literal, get_args

LAST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""The last time that can be written; what would come later is taken to be then."""


TimeMode = Literal["real", "skip", "manual"]
"""`real` goes with the machine, `skip` also jumps over waits of executions, `manual` moves only when it is told."""


class VirtualClock:
    """The time of one emulator; safe to use from many threads.

    Attributes:
        mode: `real`, `skip` or `manual`.

    Example:
        >>> clock = Clock("manual")
        >>> before = clock.now()
        >>> clock.advance(3600)
        >>> clock.now() - before
        3600.0
    """

    def __init__(self, mode: TimeMode = "real") -> None:
        if mode not in get_args(TimeMode):
            raise ValueError(f"time is one of {', '.join(get_args(TimeMode))}, not {mode!r}")
        self.mode: Final[TimeMode] = mode
        self._moves = mode != "manual"
        self._time = 0.0 if self._moves else float(int(time.time()))  # by itself, or beyond that of the machine
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> float:
        """Return the time in Unix seconds."""
        return time.time() + self._time if self._moves else self._time

    def advance(self, seconds: float) -> None:
        """Move the time forward.

        Args:
            seconds: How far; waits, quotas, rate limits and lifetimes end as if so much time had passed.

        Raises:
            ValueError: When it is negative: time does not go back.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"time goes forward only, not by {seconds} seconds")
        self._move(seconds)
        for listener in self._listeners:
            listener()

    def advance_to(self, moment: float) -> None:
        """Move the time forward to a moment in Unix seconds, unless it has passed; nobody is told."""
        self._move(max(0.0, moment - self.now()))

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call a function after every `advance`."""
        self._listeners.append(listener)

    def _move(self, seconds: float) -> None:
        with self._lock:
            self._time += min(seconds, max(0.0, LAST - self.now()))


def iso(seconds: float) -> str:
    """Write a time as ISO 8601 in UTC, with milliseconds.

    Args:
        seconds: Unix seconds.

    Example:
        >>> iso(0.25)
        '1970-01-01T00:00:00.250Z'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=4)
def http_date(seconds: int) -> str:
    """Write a time as an HTTP date."""
    return formatdate(seconds, usegmt=True)
