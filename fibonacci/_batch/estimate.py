"""How long a batch takes, and which limit slows it down. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from fibonacci._batch.watching import watch_interval
from fibonacci._core.request import LARGEST_PAGE

_DAILY: Final = {"free": 1_000, "pro": 50_000}
"""Requests per day, by plan, as documented. The platform doesn't report them."""

_BEFORE: Final = 3
"""Requests before the first row: for the workflow, its quota and what runs."""


class BatchLimits(NamedTuple):
    """What limits a batch. None for what isn't known.

    Attributes:
        plan: The name of the plan.
        rate: Requests per minute.
        per_day: Requests per day.
        runs_per_hour: Executions per hour.
        concurrency: Executions at a time.
        duration: Seconds that an execution takes.
    """

    plan: str | None = None
    rate: float | None = None
    per_day: int | None = None
    runs_per_hour: int | None = None
    concurrency: int | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsEstimate:
    """How long the rows of a `workflows.run_many` will take.

    Example:
        ```python
        estimate = client.workflows.run_many(workflow.id, [{"name": "Ada"}] * 1000).estimate()
        print(estimate.hours, estimate.bound_by, estimate.requests_per_row)
        ```
    """

    rows: int
    """The number of rows that the estimate is for."""

    plan: str | None
    """The name of the plan. None if the platform doesn't say."""

    requests_per_row: float
    """The number of requests per row: one to start it, plus its share of the requests that check on executions."""

    hours: float
    """The hours that all rows take together."""

    bound_by: str | None
    """The limit that slows the rows down the most, such as `"300 runs an hour"`. None if no limit is known."""

    hours_by_limit: dict[str, float]
    """The hours that the rows take because of each limit. The keys are the limits, as text like that of `bound_by`."""

    def __str__(self) -> str:
        on_plan = f" on {self.plan}" if self.plan else ""
        bound = f", bound by {self.bound_by}" if self.bound_by else ""
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        return f"{rows}{on_plan}: {duration_text(self.hours * 3600)}{bound}"


def per_day_of(plan: str | None) -> int | None:
    """Return the documented requests per day of a plan, or None for other plans."""
    return _DAILY.get(plan or "")


def estimated(rows: int, limits: BatchLimits, *, is_begun: bool = False) -> RunsEstimate:
    """Estimate how long rows take.

    Args:
        rows: The number of rows.
        limits: What limits them.
        is_begun: Whether these rows are the rest of a batch. Then it isn't known how much of each window is used up,
            and half a window is assumed.
    """
    requests = _requests_per_row(limits, watch_rate(rows, limits))
    windows = _windows(limits, requests)
    hours: dict[str, float] = {}
    for number, window in enumerate(windows):
        seconds = _windows_seconds(rows, windows[: number + 1], limits, is_begun=is_begun)
        hours[window.text] = seconds / 3600
    if limits.concurrency and limits.duration is not None:
        hours[f"{limits.concurrency:,} runs at a time"] = _rounds_seconds(rows, limits) / 3600
    bound_by = max(hours, key=lambda name: hours[name], default=None)
    longest = 0.0 if bound_by is None else hours[bound_by]
    return RunsEstimate(
        rows=rows,
        plan=limits.plan,
        requests_per_row=requests,
        hours=max(longest, (limits.duration or 0.0) / 3600),
        bound_by=bound_by,
        hours_by_limit=hours,
    )


def watch_rate(rows: int | None, limits: BatchLimits) -> float | None:
    """Return the requests per minute available for starting and watching all rows, or None if it isn't known.

    The daily requests have to last for the day, or until the rows are done if that is sooner.

    Args:
        rows: The number of rows. None for very many.
        limits: What limits them.
    """
    if limits.per_day is None:
        return limits.rate
    hours = 24.0
    if rows is not None:
        alone = limits._replace(per_day=None, duration=None)
        rounds = rows / limits.concurrency if limits.concurrency else 0.0
        hours = max(estimated(rows, alone, is_begun=True).hours, rounds * (limits.duration or 0.0) / 3600)
    daily = limits.per_day / (60 * min(24.0, max(hours, 1 / 60)))
    return daily if limits.rate is None else min(limits.rate, daily)


def duration_text(seconds: float) -> str:
    """Return a time in words, such as `67 h` or `4 min`. Many hours are rounded up."""
    if seconds >= 10 * 3600:
        return f"{math.ceil(seconds / 3600):,} h"
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


class _WindowLimit(NamedTuple):
    """A limit of requests or executions in a window.

    Attributes:
        text: The limit in words.
        limit: How many it allows in a window.
        seconds: The length of a window.
        per_row: How many of them a row takes.
        before: How many are taken before the first row.
    """

    text: str
    limit: float
    seconds: float
    per_row: float = 1.0
    before: int = 0


def _windows(limits: BatchLimits, requests: float) -> list[_WindowLimit]:
    """Return the limits that have windows, the shortest first."""
    window_limits: list[_WindowLimit] = []
    if limits.rate is not None:
        window_limits.append(
            _WindowLimit(f"{limits.rate:,.0f} requests a minute", limits.rate, 60.0, requests, _BEFORE)
        )
    if limits.runs_per_hour:
        window_limits.append(_WindowLimit(f"{limits.runs_per_hour:,} runs an hour", limits.runs_per_hour, 3600.0))
    if limits.per_day is not None:
        window_limits.append(
            _WindowLimit(f"{limits.per_day:,} requests a day", limits.per_day, 86_400.0, requests, _BEFORE)
        )
    return window_limits


def _windows_seconds(rows: float, windows: list[_WindowLimit], limits: BatchLimits, *, is_begun: bool) -> float:
    """Return the seconds that rows take because of the last of some limits, or none if one window has room for them.

    A window begins with its first request, and is used up as fast as the limits before it allow. Of the last window,
    only that time counts.
    """
    *shorter, window = windows
    amount = rows * window.per_row + (0 if is_begun else window.before)
    if amount <= window.limit:
        return 0.0
    if is_begun:
        return amount / window.limit * window.seconds
    waits = math.ceil(amount / window.limit) - 1
    rest = (amount - waits * window.limit) / window.per_row
    times = [_windows_seconds(rest, shorter[: number + 1], limits, is_begun=False) for number in range(len(shorter))]
    return waits * window.seconds + min(window.seconds, max(_rounds_seconds(rest, limits), *times, 0.0))


def _rounds_seconds(rows: float, limits: BatchLimits) -> float:
    """Return the seconds that rows take, from how many run at a time and how long one takes."""
    rounds = math.ceil(rows / limits.concurrency) if limits.concurrency else 1
    return rounds * (limits.duration or 0.0)


def _requests_per_row(limits: BatchLimits, rate: float | None) -> float:
    """Return the requests that a row takes, at the pace that the other limits allow.

    Args:
        limits: What limits the rows.
        rate: Requests per minute available for starting and watching rows.
    """
    duration = limits.duration
    if not duration:  # it ends with the response to the request that starts it
        return 1.0
    paces = [limits.rate, 60 * (limits.concurrency or 0) / duration]  # what an hour allows is used up at this pace
    starts = min((pace for pace in paces if pace), default=60.0)
    running = max(1.0, starts * duration / 60)
    look = min(running, math.ceil(running / LARGEST_PAGE))
    interval = watch_interval(look, rate, starts, duration)
    return 1.0 + min(60 / interval * look / starts, duration / interval)
