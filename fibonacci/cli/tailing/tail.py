"""Follow the executions of an organization until Ctrl-C: through outages and rate limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic

from fibonacci import APIConnectionError, APIError, APIResponseError, RateLimitError, ServerError
from fibonacci.cli.tailing.feed import ExecutionFeed
from fibonacci.cli.tailing.pace import PollPace
from fibonacci.models import Execution

# A poll that fails with one of these is no fact about the executions: a later one may succeed.
_TRANSIENT = (APIConnectionError, APIResponseError, RateLimitError, ServerError)


class Tail:
    """Yields executions as they are started and change, for ever.

    Args:
        feed: Reads them.
        say: Called with what there is to say about the connection.
        sleep: Sleeps so many seconds.
        clock: Returns the seconds on a monotonic clock.
    """

    def __init__(
        self,
        feed: ExecutionFeed,
        say: Callable[[str], object],
        sleep: Callable[[float], object],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._feed = feed
        self._say = say
        self._sleep = sleep
        self._clock = clock
        self._pace = PollPace()
        self._failed_at: float | None = None

    def executions(self, *, last: int, status: str | None = None) -> Iterator[Execution]:
        """Yield the last executions, the oldest first, and then what is new and what changes.

        Args:
            last: How many of those that are there already.
            status: Those with this status alone.
        """
        read = self._feed.begin
        while True:
            changed = self._attempt(read)
            if changed is not None:
                shown = [each for each in changed if status in (None, each.status)]
                yield from shown if read == self._feed.poll else shown[max(0, len(shown) - last) :]
                read = self._feed.poll
            delay = self._pace.delay(self._feed.requests, self._feed.response, has_changed=bool(changed))
            self._sleep(delay)

    def _attempt(self, read: Callable[[], list[Execution]]) -> list[Execution] | None:
        """Return what a poll has brought; None when it failed in a way that may be temporary."""
        try:
            found = read()
        except _TRANSIENT as error:
            self._report(error)
            return None
        if self._failed_at is not None:
            self._say(f"the platform responds again, after {self._clock() - self._failed_at:.0f} s")
            self._failed_at = None
        return found

    def _report(self, error: APIError) -> None:
        """Say what is wrong, once for an outage."""
        if self._failed_at is None:
            self._failed_at = self._clock()
            self._say(f"polling failed, and is tried again: {error}")
