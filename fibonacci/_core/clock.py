"""Time as an argument: what the rules ask for the time, so that tests can move it."""

from __future__ import annotations

from typing import Protocol


class TimeSource(Protocol):
    """A source of time; the module `time` satisfies it."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    def time(self) -> float:
        """Return Unix seconds."""
        ...
