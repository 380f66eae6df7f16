"""Time as an argument: what the rules ask for the time, so that tests can move it."""

from __future__ import annotations

from typing import Protocol


class TimeSource(Protocol):
    """A source of time; the module `time` satisfies it."""

    def monotonic(self) -> float:
        """Return the time of a clock that never goes back; only differences of it mean anything.

        Returns:
            Seconds from an unspecified moment.
        """
        ...

    def time(self) -> float:
        """Return the time of day.

        Returns:
            Seconds since 1970-01-01 UTC, without leap seconds.
        """
        ...
