"""How a batch watches its executions: by pages of the list or one by one, and how often. Pure: time is an argument."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from fibonacci._core.request import LARGEST_PAGE
from fibonacci.models.executions import Execution

_SHORTEST: Final = 0.4
_LONGEST: Final = 15.0
# Seconds between looks while it is not known how long the executions take, from each age of the oldest on. The second
# is that at which 30 looks see the end of a run of 60 s: a sixth of the requests that waiting for each of 20 takes.
_UNKNOWN: Final = ((0.0, 1.0), (0.5, 2.04))
# An execution is seen to have ended within this part of the time that executions take: within 2 s of a minute. What the
# rate limit would allow is often more, and is left for other programs and for the requests of the day.
_PART: Final = 1 / 30
_RESERVE: Final = 0.1
_WEIGHT: Final = 0.2


def watch_interval(
    requests: float, rate: float | None, starts: float, duration: float | None, age: float = _LONGEST
) -> float:
    """Return the seconds between two looks at the running executions.

    Args:
        requests: How many requests a look takes.
        rate: Requests per minute that the rate limit allows. None if it isn't known.
        starts: Rows started in the last minute.
        duration: Seconds that executions take. None while it isn't known.
        age: Seconds since the oldest execution was started.
    """
    if duration is None:  # as long as the oldest has taken until now, at least
        needed = max(age * _PART, *(seconds for begin, seconds in _UNKNOWN if age >= begin))
    else:
        needed = duration * _PART
    if rate is not None:
        spare = rate * (1 - _RESERVE) - starts
        needed = max(needed, 60 * requests / spare if spare > 0 else _LONGEST)
    return min(_LONGEST, max(_SHORTEST, needed))


def page_size(running: int) -> int:
    """Return how many executions to ask for: those that run, and as many again that have started and ended since."""
    return min(LARGEST_PAGE, 2 * running + 10)


class WatchPlan:
    """Says when to look at the running executions, and whether by the list.

    Attributes:
        duration: Seconds that executions take, on average. None while none was seen to end.
    """

    def __init__(self) -> None:
        self.duration: float | None = None
        self._pages = 1
        self._requests = 1.0
        self._last: float | None = None

    def looked(self, now: float, *, requests: int, pages: int | None) -> None:
        """Record a look.

        Args:
            now: Seconds on the monotonic clock.
            requests: How many requests it took.
            pages: How many pages of the list it took to find all. None if it wasn't by the list.
        """
        self._last = now
        self._requests = max(1.0, float(requests))
        if pages is not None:
            self._pages = max(1, pages)

    def ended(self, seconds: float) -> None:
        """Record how long an execution took."""
        self.duration = seconds if self.duration is None else self.duration + _WEIGHT * (seconds - self.duration)

    def is_list_cheaper(self, running: int) -> bool:
        """Whether the list takes fewer requests than reading this many executions one by one."""
        return running > self._pages

    def reserve(self, seconds: float, requests: int) -> int:
        """Return how many requests of a window are kept for looks.

        Args:
            seconds: The seconds left in the window.
            requests: The requests left in it.
        """
        wanted = math.ceil(self._requests * seconds / watch_interval(self._requests, None, 0.0, self.duration))
        return min(wanted, math.ceil(requests * _RESERVE))

    def due_at(self, first_start: float, now: float, *, rate: float | None, starts: float) -> float:
        """Return when to look next, on the monotonic clock.

        Args:
            first_start: When the oldest running execution was started.
            now: The present.
            rate: Requests per minute that the rate limit allows. None if it isn't known.
            starts: Rows started in the last minute.
        """
        since = first_start if self._last is None else max(self._last, first_start)
        age = max(0.0, since - first_start)
        return since + watch_interval(self._requests, rate, starts, self.duration, age)


def goes_on(found: int, missing: int) -> bool:
    """Whether to read the next page of the list, rather than the missing executions one by one.

    Args:
        found: How many running executions the last page had.
        missing: How many were on no page yet.
    """
    return missing > 1 and found > 1


_PASSING: Final = ("duration_ms", "updated_at")


def has_changed(before: Execution, after: Execution) -> bool:
    """Whether anything has changed in an execution besides its times."""
    if before == after:
        return False
    fields, others = before.model_dump(), after.model_dump()
    return any(fields.get(name) != others.get(name) for name in {*fields, *others}.difference(_PASSING))


def is_complete(execution: Execution) -> bool:
    """Whether an execution that has ended has its outputs, or the reason why there are none."""
    if execution.succeeded:
        return (execution.model_extra or {}).get("outputs") is not None
    return execution.failure_reason is not None


class StartRate:
    """Counts the starts of the last minute."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def add(self, now: float) -> None:
        """Count a start."""
        self._times.append(now)

    def per_minute(self, now: float) -> int:
        """Return the starts in the last minute."""
        while self._times and self._times[0] <= now - 60:
            self._times.popleft()
        return len(self._times)
