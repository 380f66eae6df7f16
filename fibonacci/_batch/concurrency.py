"""How many rows may run at a time: what the quota leaves, which is read and not guessed. Pure: time is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from fibonacci.errors import QuotaExceededError
from fibonacci.models.organizations import Quota

if TYPE_CHECKING:
    from fibonacci.models.run_results import RunsBlocker

QuotaKind = Literal["concurrent", "timed"]

# Seconds: how long to wait for a quota whose end the platform does not state.
UNSTATED: Final = 60.0
_LONGEST_UNSTATED: Final = 900.0
# Seconds: the shortest and the longest wait, whatever the platform asks for.
_MARGIN: Final = 1.0
_LONGEST_ASKED: Final = 3600.0


def quota_kind(error: QuotaExceededError, in_flight: int) -> QuotaKind:
    """Return whether a quota ends when an execution does, or at a time.

    Args:
        error: The refusal. The platform doesn't document how it names the quota, so all its texts are searched.
        in_flight: How many rows are under way.
    """
    text = f"{error.code} {error.message} {list(error.details)}".lower()
    if "concurren" in text or "at a time" in text or "simultaneous" in text:
        return "concurrent"
    if error.retry_after is not None or any(word in text for word in ("hour", "day", "dail", "month", "minute")):
        return "timed"
    return "concurrent" if in_flight else "timed"


def quota_value(quota: Quota | None, name: str) -> int | None:
    """Return a value of an organization's quota, or None if it isn't known or there is no limit.

    A quota of 0 counts as not known: were it believed, no row would ever be started, and the platform never asked.
    """
    value = None if quota is None else quota.effective.get(name)
    return int(value) if isinstance(value, int | float) and value > 0 else None


DEFAULT: Final = 100
"""Rows under way when neither the user nor the quota bounds them."""

_GROW_EVERY: Final = 120.0
_ASK_AGAIN: Final = 60.0
_FIRST_HOLD: Final = 2.0
_LONGEST_HOLD: Final = 60.0
_FIRST_BACKOFF: Final = 1.0
_LONGEST_BACKOFF: Final = 15.0
_LONGEST_LOOK_BACKOFF: Final = 10.0
_LONGEST_OUTAGE: Final = 900.0


class Backoff:
    """Requests of one kind that fail or are refused in a row: each time, the wait for the next one doubles.

    Requests that were sent before the last failure was counted fail together with it, and count once.

    Args:
        first: The first wait in seconds.
        longest: The longest wait in seconds.

    Attributes:
        since: When the first of them failed, on the monotonic clock. None while none has since the last success.
        until: When the next request may be sent.
        blocker: What a user is told. None while none fails.
    """

    def __init__(self, first: float, longest: float) -> None:
        self.since: float | None = None
        self.until: float = 0.0
        self.blocker: RunsBlocker | None = None
        self._first = self._wait = first
        self._longest = longest
        self._failed_at = float("-inf")

    def failed(self, sent_at: float, now: float, asked: float | None = None) -> bool:
        """Record a failure.

        Args:
            sent_at: When the request was sent, on the monotonic clock.
            now: The present.
            asked: The seconds for which the platform asks to be left alone. None if it doesn't say.

        Returns:
            Whether requests have failed for so long that they should be given up.
        """
        seconds = None if asked is None else min(_LONGEST_ASKED, max(_MARGIN, asked))
        if sent_at > self._failed_at:
            self.since = now if self.since is None else self.since
            self.until = now + (self._wait if seconds is None else seconds)
            self._wait = min(self._longest, self._wait * 2)
            self._failed_at = now
        elif self.since is not None and seconds is not None:
            self.until = max(self.until, now + seconds)
        return self.since is not None and now - self.since > _LONGEST_OUTAGE

    def passed(self, sent_at: float) -> None:
        """Record a success. One that was sent before the last failure doesn't show that the failures are over."""
        if sent_at > self._failed_at:
            self.since, self.until, self.blocker, self._wait = None, 0.0, None, self._first


class ConcurrencyPlan:
    """Says how many rows may be started now.

    If the quota can be read, the capacity is what the executions of others leave of it. If it can't, the capacity is
    what was under way at the last refusal, and one more every two minutes.

    Args:
        limit: The largest number of rows under way that the user allows. None for the default.

    Attributes:
        must_ask: Whether the quota and the running executions should be read now.
        capacity: How many rows may be under way.
        starts: Failures of requests that start rows.
        looks: Failures of requests that read executions.
        quota: Refusals of starts by a quota that ends at a time.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = DEFAULT if limit is None else limit
        self.capacity: int = self._limit
        self.must_ask: bool = limit is None
        self._ask_at: float | None = None
        self._grow_at: float | None = None
        self.starts: Backoff = Backoff(_FIRST_BACKOFF, _LONGEST_BACKOFF)
        self.looks: Backoff = Backoff(_FIRST_BACKOFF, _LONGEST_LOOK_BACKOFF)
        self.quota: Backoff = Backoff(UNSTATED, _LONGEST_UNSTATED)
        self._hold = Backoff(_FIRST_HOLD, _LONGEST_HOLD)
        self._must_probe = False

    def record_quota(self, quota: int, others: int, now: float) -> None:
        """Record an answer: the quota of executions at a time, and how many of others run."""
        self.must_ask = False
        self._grow_at = None
        self.capacity = max(0, min(self._limit, quota - others))
        self._ask_at = now + _ASK_AGAIN if others and self.capacity < self._limit else None

    def record_unreadable_quota(self, now: float) -> None:
        """Record that the quota can't be read."""
        self.must_ask = False
        self._ask_at = None
        if self.capacity < self._limit:
            self._grow_at = now + _GROW_EVERY

    def record_refusal(self, in_flight: int, sent_at: float, now: float) -> None:
        """Record that the quota of executions at a time refused a row.

        Args:
            in_flight: How many other rows are under way.
            sent_at: When its request was sent, on the monotonic clock.
            now: The present.
        """
        self.must_ask = True
        self.capacity = min(self.capacity, in_flight)
        self._hold.failed(sent_at, now)

    def must_probe(self, now: float) -> bool:
        """Whether to check that the platform is back with a request that only reads, so that no row becomes unknown."""
        return self._must_probe and now >= self._wake_at()

    def lost(self) -> None:
        """Record that a row may have been started by a request that failed."""
        self._must_probe = True

    def probed(self) -> None:
        """Record that the platform has responded to such a request: a row may be the next one."""
        self._must_probe = False

    def started(self, sent_at: float) -> None:
        """Record that a row was started by a request that was sent at a time."""
        for backoff in (self.starts, self.quota, self._hold):
            backoff.passed(sent_at)
        self._must_probe = self._must_probe and self.starts.since is not None

    def slots(self, in_flight: int, starting: int, now: float) -> int:
        """Return how many rows may be started now.

        Args:
            in_flight: How many are under way.
            starting: How many of them are just being started.
            now: Seconds on the monotonic clock.
        """
        self._tick(now)
        if self.must_ask or now < self._wake_at():
            return 0
        if self.starts.since is not None:  # one row probes whether the platform is back
            return 0 if starting or self._must_probe else 1
        least = 1 if self._grow_at is not None else 0
        return max(0, max(self.capacity, least) - in_flight)

    def next_change(self, now: float) -> float | None:
        """Return when more rows may be started although none ends, on the monotonic clock, or None for never."""
        times = [self._wake_at(), self._ask_at, self._grow_at]
        return min((at for at in times if at is not None and at > now), default=None)

    def _wake_at(self) -> float:
        return max(self._hold.until, self.quota.until, self.starts.until)

    def _tick(self, now: float) -> None:
        if self._ask_at is not None and now >= self._ask_at:
            self._ask_at = None
            self.must_ask = True
        while self._grow_at is not None and now >= self._grow_at:
            self.capacity += 1
            self._grow_at = self._grow_at + _GROW_EVERY if self.capacity < self._limit else None
