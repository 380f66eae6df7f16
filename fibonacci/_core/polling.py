"""When a wait polls, and what it makes of polls that fail. Pure: time is an argument."""

from __future__ import annotations

from typing import Final

from fibonacci._core.retry import is_final
from fibonacci._texts.logging import client_logger, log
from fibonacci._texts.text import counted
from fibonacci.errors import APIError, NotFoundError

FIRST = 1.0
LONGEST = 15.0
_GROWTH = 1.5
# Of the requests left until the reset, the polls of a process take this part. The rest is for the user's own calls.
_SHARE = 0.1


def grown(previous: float | None) -> float:
    """Return the seconds until the next poll where no rate limit is known: 1, growing to 15.

    Args:
        previous: The delay before the last poll. None before the first.
    """
    return FIRST if previous is None else min(LONGEST, previous * _GROWTH)


class PollPace:
    """Says how long to wait until the next poll: from 1 second to 15 seconds."""

    def __init__(self) -> None:
        self._delay: float | None = None
        self._spacing = 0.0
        self._resets_at = 0.0

    def delay(self, now: float, window: tuple[float, int] | None, requests: int) -> float:
        """Return the seconds until the next poll.

        Args:
            now: Seconds on the monotonic clock.
            window: The seconds and the requests left in the window. None if not known.
            requests: How many requests all waits of the process take to poll once.
        """
        if window is None:
            self._delay = grown(self._delay)
            return self._delay
        seconds, left = window
        spacing = seconds / (max(1, left) * _SHARE)
        if now + seconds < self._resets_at + 1:  # in the same window: what isn't used of it is left for other calls
            spacing = max(spacing, self._spacing)
        self._spacing, self._resets_at = spacing, now + seconds
        self._delay = max(FIRST, min(LONGEST, max(1, requests) * spacing))
        return self._delay


# Seconds after its start in which an execution may be missing on a replica that lags.
_LAG = 10.0
_WARNING: Final = 30


class PollFailures:
    """The polls of a wait that have failed since one succeeded.

    Args:
        what: What is polled, for the log, such as "execution exec_1".
        execution_id: The ID of the execution, for the log. None for several.

    Attributes:
        last: The last failure. None if the last poll succeeded.
    """

    def __init__(self, what: str, execution_id: str | None = None) -> None:
        self.last: APIError | None = None
        self._what = what
        self._execution_id = execution_id
        self._count = 0
        self._succeeded_at: float | None = None
        self._started_at: float | None = None
        self._is_logged = False

    def start(self, now: float) -> None:
        """Record that the call which started the execution has just returned."""
        self._succeeded_at = self._started_at = now

    def succeed(self, now: float) -> None:
        """Record a poll that has succeeded."""
        self._succeeded_at = now
        if self._is_logged:
            self._log("works again after %s", counted(self._count, "failure"))
        self.last, self._count, self._is_logged = None, 0, False

    def fail(self, error: APIError, now: float) -> None:
        """Record a poll that has failed.

        Raises:
            APIError: That of the poll, if the next one would fail as well.
        """
        is_lag = isinstance(error, NotFoundError) and self._started_at is not None and now < self._started_at + _LAG
        if not is_lag and is_final(error, after_success=self._succeeded_at is not None):
            raise error
        self.last = error
        self._count += 1
        if not is_lag and not self._is_logged:
            self._is_logged = True
            self._log("fails, trying again: %s", error)

    def silence(self, now: float) -> float:
        """Return the seconds since a poll has succeeded. Ask only if one has."""
        return now - (self._succeeded_at or now)

    def text(self) -> str:
        """Return how many polls have failed and why, as the end of a sentence."""
        if self.last is None:
            return ""
        polls = f"{counted(self._count, 'poll')} {'has' if self._count == 1 else 'have'} failed"
        return f"; {polls}{'' if self._succeeded_at is None else ' since'}: {self.last!s}"

    def _log(self, text: str, value: object) -> None:
        if logger := client_logger(_WARNING):
            log(logger, _WARNING, f"polling %s {text}", self._what, value, execution_id=self._execution_id)
