"""Rate limits: fixed windows per key, which begin with the first request in them. They are a part of the state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from fibonacci.emulator.http.errors import Detail, HTTPException, too_many_requests
from fibonacci.emulator.state.ids import fingerprint
from fibonacci.emulator.state.store import Record, Table

DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key has left.

    Attributes:
        limit: Requests in a window.
        remaining: Requests left in this window.
        reset: When the next window begins, in whole Unix seconds, never too early.
        refusal: The answer, when this request was one too many.
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
        """Begin a new window when the last is over; tell whether one more request fits."""
        if now >= self.ends:
            self.ends = now + self.rate.seconds
            self.used = 0
        return self.used < self.rate.limit


class RateLimits:
    """Counts the requests of every key by the minute (or another window) and by the day."""

    def __init__(self, pace: Rate, per_day: int | None) -> None:
        self._pace = pace
        self._per_day = per_day

    def take(self, windows: Table, key: str, now: float) -> Allowance:
        """Count one request of a key. A request that is refused is not counted.

        Args:
            windows: Where the windows are kept.
            key: The API key.
            now: The time in Unix seconds.
        """
        name = fingerprint(key)
        pace, daily = self._windows(windows.get(name) or {})
        in_pace = pace.enter(now)
        in_day = daily is None or daily.enter(now)
        refusal: HTTPException | None = None
        if daily is not None and not in_day:
            message = f"The quota of {daily.rate.limit} requests a day is used up."
            detail = Detail("requests_per_day", f"is {daily.rate.limit}, and used up")
            refusal = too_many_requests("quota_exceeded", message, _wait(daily, now), detail)
        elif not in_pace:
            message = f"More than {pace.rate.limit} requests in {pace.rate.seconds:g} seconds."
            refusal = too_many_requests("rate_limit_exceeded", message, _wait(pace, now))
        else:
            pace.used += 1
            if daily is not None:
                daily.used += 1
            windows.put(name, record=_record(pace, daily))
        return Allowance(pace.rate.limit, pace.rate.limit - pace.used, math.ceil(pace.ends), refusal)

    def untouched(self, now: float) -> Allowance:
        """Return what a key has that never made a request, for answers that belong to no key."""
        return Allowance(self._pace.limit, self._pace.limit, math.ceil(now + self._pace.seconds))

    def _windows(self, record: Record) -> tuple[_Window, _Window | None]:
        daily = None if self._per_day is None else _Window(Rate(self._per_day, DAY), *record.get("day", ()))
        return _Window(self._pace, *record.get("pace", ())), daily


def _record(pace: _Window, daily: _Window | None) -> Record:
    record: Record = {"pace": [pace.ends, pace.used]}
    return record if daily is None else record | {"day": [daily.ends, daily.used]}


def _wait(window: _Window, now: float) -> int:
    return max(1, math.ceil(window.ends - now))
