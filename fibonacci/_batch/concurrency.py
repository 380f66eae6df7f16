"""How many rows may be under way: what the quota leaves, asked for and not guessed. Pure: time is an argument."""

from __future__ import annotations

from typing import Final, Literal

from fibonacci.errors import QuotaExceededError
from fibonacci.models.organizations import Quota

QuotaKind = Literal["concurrent", "timed"]

# Seconds: how long to wait for a quota whose end the platform does not state.
_UNSTATED: Final = 60.0
_LONGEST: Final = 900.0
_MARGIN: Final = 1.0


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


def quota_wait(error: QuotaExceededError, refusals: int) -> float:
    """Return the seconds to wait for a quota that ends at a time.

    Args:
        error: The refusal.
        refusals: How many refusals there were in a row, this one included.
    """
    if error.retry_after is not None:
        return max(_MARGIN, error.retry_after)
    return min(_LONGEST, _UNSTATED * 2.0 ** (refusals - 1))


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
_LONGEST_OUTAGE: Final = 900.0
# Seconds for which a server is believed that it wants to be left alone.
_LONGEST_ASKED: Final = 3600.0


class ConcurrencyPlan:
    """Says how many rows may be started now.

    Where the quota can be read, the capacity is what it leaves beside the executions of others. Where it can't, the
    capacity is what was under way at the last refusal, and one more every two minutes.

    Args:
        limit: The largest number of rows under way that the user allows. None for no wish.

    Attributes:
        must_ask: Whether the quota and the running executions should be read now.
        capacity: How many rows may be under way.
        paused_until: Until when no row is started because a quota is exhausted, on the monotonic clock.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = DEFAULT if limit is None else limit
        self.capacity: int = self._limit
        self.must_ask: bool = limit is None
        self._ask_at: float | None = None
        self._grow_at: float | None = None
        self._held_until = 0.0
        self._hold = _FIRST_HOLD
        self.paused_until: float = 0.0
        self._outage_began: float | None = None
        self._backoff = _FIRST_BACKOFF
        self._retry_at = 0.0
        self._failed_at = 0.0
        self._must_probe = False

    def is_backing_off(self, now: float) -> bool:
        """Whether the platform couldn't be reached a moment ago, and shouldn't be asked again yet."""
        return now < self._retry_at

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

    def record_refusal(self, in_flight: int, now: float) -> None:
        """Record that the quota of executions at a time refused a row.

        Args:
            in_flight: How many other rows are under way.
            now: Seconds on the monotonic clock.
        """
        self.must_ask = True
        self.capacity = min(self.capacity, in_flight)
        self._held_until = now + self._hold
        self._hold = min(_LONGEST_HOLD, self._hold * 2)

    def pause(self, seconds: float, now: float) -> None:
        """Start no row for that many seconds: a quota that ends at a time is used up."""
        self.paused_until = max(self.paused_until, now + seconds)

    def must_probe(self, now: float) -> bool:
        """Whether to ask, by a request that only reads, if the platform is back: a row would become unknown if not."""
        return self._must_probe and now >= self._wake_at()

    def probed(self) -> None:
        """Record that the platform has responded to such a request: a row may be the next one."""
        self._must_probe = False

    def failed(self, now: float, asked: float | None = None, *, is_uncertain: bool = False) -> bool:
        """Record that the platform couldn't be reached, or couldn't carry out a request.

        Args:
            now: Seconds on the monotonic clock.
            asked: The seconds for which it asks to be left alone. None if it doesn't say.
            is_uncertain: Whether a row may have been started nevertheless.

        Returns:
            Whether it has been so for long that it should be given up.
        """
        if self._outage_began is None:
            self._outage_began = now
        if now >= self._retry_at:  # the rows of one moment fail together, and count once
            self._retry_at = now + self._backoff
            self._backoff = min(_LONGEST_BACKOFF, self._backoff * 2)
        if asked is not None:
            self._retry_at = max(self._retry_at, now + min(asked, _LONGEST_ASKED))
        self._failed_at = now
        self._must_probe = self._must_probe or is_uncertain
        return now - self._outage_began > _LONGEST_OUTAGE

    def started(self, sent_at: float) -> None:
        """Record that a row was started.

        Args:
            sent_at: When its request was sent: one sent before the last failure doesn't show that it is over.
        """
        self._hold = _FIRST_HOLD
        if sent_at >= self._failed_at:
            self._outage_began = None
            self._must_probe = False
            self._backoff = _FIRST_BACKOFF
            self._retry_at = 0.0

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
        if self._outage_began is not None:  # one row probes whether the platform is back
            return 0 if starting or self._must_probe else 1
        least = 1 if self._grow_at is not None else 0
        return max(0, max(self.capacity, least) - in_flight)

    def next_change(self, now: float) -> float | None:
        """Return when more rows may be started although none ends, on the monotonic clock, or None for never."""
        times = [self._wake_at(), self._ask_at, self._grow_at]
        return min((at for at in times if at is not None and at > now), default=None)

    def _wake_at(self) -> float:
        return max(self._held_until, self.paused_until, self._retry_at)

    def _tick(self, now: float) -> None:
        if self._ask_at is not None and now >= self._ask_at:
            self._ask_at = None
            self.must_ask = True
        while self._grow_at is not None and now >= self._grow_at:
            self.capacity += 1
            self._grow_at = self._grow_at + _GROW_EVERY if self.capacity < self._limit else None
