"""The end of the time that a call may take."""

from __future__ import annotations

import time


class Deadline:
    """A moment on the monotonic clock, or never.

    Everything that a call does (attempts, waits, queueing for a connection, the body) asks what is left of the same
    deadline, so that `timeout` is the whole call and not one step of it.
    """

    __slots__ = ("_at",)

    def __init__(self, seconds: float | None) -> None:
        self._at = None if seconds is None else time.monotonic() + seconds

    def copy(self) -> Deadline:
        """The same moment, to be ended by itself."""
        copied = Deadline(None)
        copied._at = self._at
        return copied

    def end(self) -> None:
        """Let no time be left from now on."""
        self._at = float("-inf")

    def remaining(self) -> float | None:
        """Seconds left, 0 at the least; None when there is no limit."""
        return None if self._at is None else max(0.0, self._at - time.monotonic())

    def allows(self, seconds: float) -> bool:
        """Whether a wait of so many seconds leaves time to do something afterwards."""
        return self._at is None or time.monotonic() + seconds < self._at

    def sooner(self, seconds: float | None) -> float | None:
        """The smaller of the time left and `seconds`, where None means no limit."""
        left = self.remaining()
        return left if seconds is None else seconds if left is None else min(left, seconds)
