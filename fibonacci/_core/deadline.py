"""The deadline of a call."""

from __future__ import annotations

import time

from fibonacci._core.clock import TimeSource


class DeadlineExceeded(Exception):
    """The deadline of a call has passed.

    A transport raises it. It never leaves the client, whose call raises an `APITimeoutError`.

    Example:
        ```python
        from fibonacci.transports import Deadline, DeadlineExceeded

        try:
            Deadline(0).require()
        except DeadlineExceeded as error:
            print(error)  # prints: the call's time is up
        ```
    """


class Deadline:
    """A moment on the monotonic clock, or none.

    Every step of a call (attempts, waits, queueing for a connection, reading the body) asks the same deadline for the
    time that remains, so that `timeout` bounds the whole call and not one step of it.

    Args:
        seconds: Seconds from now; None for no limit.

    Example:
        ```python
        from fibonacci.transports import Deadline

        assert Deadline(None).remaining() is None
        assert 0 < Deadline(5).remaining() <= 5
        ```
    """

    __slots__ = ("_at", "_clock", "_reason")

    def __init__(self, seconds: float | None, _clock: TimeSource = time) -> None:
        self._clock = _clock
        self._at = None if seconds is None else _clock.monotonic() + seconds
        self._reason = "the call's time is up"

    def remaining(self) -> float | None:
        """Return the time that remains.

        Returns:
            Seconds, never negative; None when there is no limit.
        """
        return None if self._at is None else max(0.0, self._at - self._clock.monotonic())

    def require(self) -> float | None:
        """Return the time that remains, of which there has to be some.

        Returns:
            Seconds, more than 0; None when there is no limit.

        Raises:
            DeadlineExceeded: If no time remains.
        """
        if self._at is None:
            return None
        seconds = self._at - self._clock.monotonic()
        if seconds <= 0:
            raise self.exceeded()
        return seconds

    def at_most(self, seconds: float, reason: str) -> Deadline:
        """Return the deadline of one step of the call.

        Args:
            seconds: The longest that the step may take, in seconds from now.
            reason: What a `DeadlineExceeded` says when the step has taken that long.

        Returns:
            A deadline so many seconds from now, or this one if it is earlier.
        """
        remaining = self.remaining()
        if remaining is not None and remaining <= seconds:
            return self
        step = Deadline(seconds, self._clock)
        step._reason = reason
        return step

    def exceeded(self, detail: str = "") -> DeadlineExceeded:
        """Return the exception for this deadline; it is not raised.

        Args:
            detail: What was waited for, in a few words; empty for none.

        Returns:
            The exception, whose text has the reason and the detail.
        """
        return DeadlineExceeded(f"{self._reason}: {detail}" if detail else self._reason)

    def cap(self, seconds: float | None) -> float | None:
        """Limit the timeout of a step to the time that remains.

        Args:
            seconds: The timeout in seconds; None for no limit.

        Returns:
            The smaller of the timeout and the remaining seconds; None when neither has a limit.
        """
        remaining = self.remaining()
        return remaining if seconds is None else seconds if remaining is None else min(remaining, seconds)


def allows(deadline: Deadline, seconds: float) -> bool:
    """Whether time remains after a wait of so many seconds."""
    remaining = deadline.remaining()
    return remaining is None or seconds < remaining
