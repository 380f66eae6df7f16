"""The end of the time that a call may take."""

from __future__ import annotations

import time


class DeadlineExceeded(Exception):
    """The time is up. It never leaves the transport."""


class Deadline:
    """A moment on the monotonic clock, or never.

    Everything that a call does (attempts, waits, queueing for a connection, the body) asks what is left of the same
    deadline, so that `timeout` is the whole call and not one step of it.
    """

    __slots__ = ("_at",)

    def __init__(self, seconds: float | None) -> None:
        self._at = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Seconds left, 0 at the least; None when there is no limit."""
        return None if self._at is None else max(0.0, self._at - time.monotonic())

    def left(self) -> float | None:
        """Seconds left for the next step; None when there is no limit.

        Raises:
            DeadlineExceeded: If none are.
        """
        if self._at is None:
            return None
        seconds = self._at - time.monotonic()
        if seconds <= 0:
            raise DeadlineExceeded("the call's time is up")
        return seconds

    def share(self, ways: int) -> Deadline:
        """The end of this step, when what is left is for so many steps that follow one another."""
        seconds = self.left()
        return self if seconds is None or ways == 1 else Deadline(seconds / ways)

    def allows(self, seconds: float) -> bool:
        """Whether a wait of so many seconds leaves time to do something afterwards."""
        return self._at is None or time.monotonic() + seconds < self._at

    def sooner(self, seconds: float | None) -> float | None:
        """The smaller of the time left and `seconds`, where None means no limit."""
        left = self.remaining()
        return left if seconds is None else seconds if left is None else min(left, seconds)
