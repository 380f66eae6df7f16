"""Rate limits: fixed windows of an organization, each of which begins with its first request.

They are the limits of its plan: all keys share them. They are part of the state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from fibonacci.emulator.http.errors import Detail, HTTPException, too_many_requests
from fibonacci.emulator.state.store import Record, Table

DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of requests per window.

    Attributes:
        limit: Requests per window.
        seconds: The length of the window.
    """

    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """What remains of a rate limit.

    Attributes:
        limit: Requests per window.
        remaining: Remaining requests of this window.
        reset: The begin of the next window in whole Unix seconds, rounded up.
        refusal: The error, if this request exceeded the limit.
    """

    limit: int
    remaining: int
    reset: int
    refusal: HTTPException | None = None


class _Window:
    def __init__(self, rate: Rate, ends: float = 0.0, used: int = 0) -> None:
        self.rate = rate
        self.ends = ends
        self.used = used

    def enter(self, now: float) -> bool:
        """Begin a new window if the last one is over; return whether one more request is allowed."""
        if now >= self.ends:
            self.ends = now + self.rate.seconds
            self.used = 0
        return self.used < self.rate.limit


class RateLimits:
    """Counts the requests of an organization per window, a minute by default, and per day.

    Args:
        rate: The limit per window.
        per_day: The limit per day; `None` for no limit.
    """

    def __init__(self, rate: Rate, per_day: int | None) -> None:
        self._rate = rate
        self._per_day = per_day

    def take(self, windows: Table, organization: str, now: float, skipped: float = 0.0) -> Allowance:
        """Count one request of an organization, unless it is refused.

        Args:
            windows: The table of windows.
            organization: The id of the organization.
            now: The time in Unix seconds.
            skipped: The seconds of it that were skipped: they move the windows and end none.
        """
        now -= skipped
        window, daily = self._windows(windows.get(organization) or {})
        fits_window = window.enter(now)
        fits_day = daily is None or daily.enter(now)
        refusal: HTTPException | None = None
        if daily is not None and not fits_day:
            message = f"The quota of {daily.rate.limit} requests a day is used up."
            detail = Detail("requests_per_day", f"is {daily.rate.limit}, and used up")
            refusal = too_many_requests("quota_exceeded", message, _wait(daily, now), detail)
            return Allowance(daily.rate.limit, 0, math.ceil(daily.ends + skipped), refusal)
        if not fits_window:
            message = f"More than {window.rate.limit} requests in {window.rate.seconds:g} seconds."
            refusal = too_many_requests("rate_limit_exceeded", message, _wait(window, now))
        else:
            window.used += 1
            if daily is not None:
                daily.used += 1
            windows.put(organization, record=_record(window, daily))
        return Allowance(window.rate.limit, window.rate.limit - window.used, math.ceil(window.ends + skipped), refusal)

    def untouched(self, now: float) -> Allowance:
        """Return the allowance of an unused key, for responses that belong to no key."""
        return Allowance(self._rate.limit, self._rate.limit, math.ceil(now + self._rate.seconds))

    def _windows(self, record: Record) -> tuple[_Window, _Window | None]:
        daily = None if self._per_day is None else _Window(Rate(self._per_day, DAY), *record.get("day", ()))
        return _Window(self._rate, *record.get("window", ())), daily


def _record(window: _Window, daily: _Window | None) -> Record:
    record: Record = {"window": [window.ends, window.used]}
    return record if daily is None else record | {"day": [daily.ends, daily.used]}


def _wait(window: _Window, now: float) -> int:
    return max(1, math.ceil(window.ends - now))
