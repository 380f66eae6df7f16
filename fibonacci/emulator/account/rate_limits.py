"""Rate limits: fixed windows of an organization, each of which begins with its first request.

They are the limits of its plan: all keys share them. They live in memory: a request that only reads writes nothing to
the disk. A restart begins new windows, and each of several processes that share a file counts its own requests.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Final, NamedTuple

from fibonacci.emulator.http.errors import Detail, HTTPException, too_many_requests

DAY: Final = 86_400.0
_MANY: Final = 1_000  # keys with windows, before those that are over are forgotten


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


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """How much of a window is used.

    Attributes:
        rate: The limit.
        used: The requests of this window.
        ends: The end of the window in Unix seconds; `None` if none has begun.
    """

    rate: Rate
    used: int
    ends: float | None


class _Window:
    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.ends = 0.0
        self.used = 0

    def enter(self, now: float) -> bool:
        """Begin a new window if the last one is over; return whether one more request is allowed."""
        if now >= self.ends:
            self.ends = now + self.rate.seconds
            self.used = 0
        return self.used < self.rate.limit


class _Windows(NamedTuple):
    window: _Window
    daily: _Window | None

    def are_over(self, now: float) -> bool:
        """Return whether nothing of them has to be remembered."""
        return now >= self.window.ends and (self.daily is None or now >= self.daily.ends)


class RateLimits:
    """Counts the requests of an organization per window, a minute by default, and per day; safe to use from threads.

    Args:
        rate: The limit per window.
        per_day: The limit per day; `None` for no limit.
    """

    def __init__(self, rate: Rate, per_day: int | None) -> None:
        self._rate = rate
        self._per_day = per_day
        self._windows: dict[str, _Windows] = {}
        self._many = _MANY
        self._lock = threading.Lock()

    def take(self, organization: str, now: float, skipped: float = 0.0) -> Allowance:
        """Count one request of an organization, unless it is refused.

        Args:
            organization: The id of the organization.
            now: The time in Unix seconds.
            skipped: The seconds of it that were skipped: they move the windows and end none.
        """
        with self._lock:
            return self._take(self._windows_of(organization, now - skipped), now - skipped, skipped)

    def usage(self, organization: str, now: float, skipped: float = 0.0) -> list[WindowUsage]:
        """Return how much of each window of an organization is used, the shortest first; count nothing.

        Args:
            organization: The id of the organization.
            now: The time in Unix seconds.
            skipped: The seconds of it that were skipped, as for `take`.
        """
        with self._lock:
            windows = self._windows.get(organization)
            rates = [self._rate, *([] if self._per_day is None else [Rate(self._per_day, DAY)])]
            begun = [None] * len(rates) if windows is None else [window for window in windows if window is not None]
            return [
                WindowUsage(rate, 0, None)
                if window is None or now - skipped >= window.ends
                else WindowUsage(rate, window.used, window.ends + skipped)
                for rate, window in zip(rates, begun, strict=True)
            ]

    def change(self, rate: Rate, per_day: int | None) -> None:
        """Set other limits; every window begins anew."""
        with self._lock:
            self._rate, self._per_day = rate, per_day
            self._windows.clear()

    def reset(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._windows.clear()

    def __len__(self) -> int:
        """Return how many organizations have windows."""
        return len(self._windows)

    def _take(self, windows: _Windows, now: float, skipped: float) -> Allowance:
        window, daily = windows
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
        return Allowance(window.rate.limit, window.rate.limit - window.used, math.ceil(window.ends + skipped), refusal)

    def untouched(self, now: float) -> Allowance:
        """Return the allowance of an unused key, for responses that belong to no key."""
        return Allowance(self._rate.limit, self._rate.limit, math.ceil(now + self._rate.seconds))

    def _windows_of(self, name: str, now: float) -> _Windows:
        windows = self._windows.get(name)
        if windows is None:
            if len(self._windows) >= self._many:
                self._windows = {key: kept for key, kept in self._windows.items() if not kept.are_over(now)}
                self._many = max(_MANY, 2 * len(self._windows))
            daily = None if self._per_day is None else _Window(Rate(self._per_day, DAY))
            windows = self._windows[name] = _Windows(_Window(self._rate), daily)
        return windows


def _wait(window: _Window, now: float) -> int:
    return max(1, math.ceil(window.ends - now))
