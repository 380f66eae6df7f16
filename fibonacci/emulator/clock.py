"""The emulator's time. Everything that asks for the time asks this clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from typing import Final

LAST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""The last time that can be written; what would come later is taken to be then."""


class Clock:
    """The time of the machine."""

    def now(self) -> float:
        """Return the time in Unix seconds."""
        return time.time()


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
