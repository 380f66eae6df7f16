"""How long a batch takes, and which limit slows it down. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from fibonacci._batch.concurrency import quota_value
from fibonacci._batch.watching import watch_interval
from fibonacci._core.request import LARGEST_PAGE

if TYPE_CHECKING:
    from fibonacci.models.organizations import Quota

DAILY: Final = {"free": 1_000, "pro": 50_000}
"""Requests per day, by plan, as documented. The platform doesn't report them."""


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

    @classmethod
    def of(cls, quota: Quota | None, rate: int | None, concurrency: int | None, duration: float | None) -> BatchLimits:
        """Return the limits of an organization with a quota."""
        plan = None if quota is None else quota.plan
        runs_per_hour = quota_value(quota, "workflow_runs_per_hour")
        return cls(plan, rate, DAILY.get(plan or ""), runs_per_hour, concurrency, duration)


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


def estimated(rows: int, limits: BatchLimits, *, is_begun: bool = False) -> RunsEstimate:
    """Estimate how long rows take.

    Args:
        rows: The number of rows.
        limits: What limits them.
        is_begun: Whether these rows are the rest of a batch. Then it isn't known how much of each window is used up,
            and half a window is assumed.
    """
    requests = _requests_per_row(limits, watch_rate(rows, limits))
    windows = (
        (limits.rate, "requests a minute", requests, 60.0),
        (limits.runs_per_hour, "runs an hour", 1.0, 3600.0),
        (limits.per_day, "requests a day", requests, 86_400.0),
    )
    known = [(f"{limit:,.0f} {name}", limit / per_row, length) for limit, name, per_row, length in windows if limit]
    times = _seconds_by_limit(rows, known, limits, is_begun=is_begun)
    return RunsEstimate(
        rows=rows,
        plan=limits.plan,
        requests_per_row=requests,
        hours=max(limits.duration or 0.0, 0.0, *times.values()) / 3600,
        bound_by=max(times, key=lambda name: times[name], default=None),
        hours_by_limit={name: seconds / 3600 for name, seconds in times.items()},
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
        rounds = rows / limits.concurrency if limits.concurrency else 0.0
        alone = estimated(rows, limits._replace(per_day=None, duration=None), is_begun=True)
        hours = min(24.0, max(alone.hours, rounds * (limits.duration or 0.0) / 3600, 1 / 60))
    return min(limits.rate or math.inf, limits.per_day / (60 * hours))


def duration_text(seconds: float) -> str:
    """Return a time in words, such as `67 h` or `4 min`. Many hours are rounded up."""
    if seconds >= 10 * 3600:
        return f"{math.ceil(seconds / 3600):,} h"
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _seconds_by_limit(
    rows: float, windows: list[tuple[str, float, float]], limits: BatchLimits, *, is_begun: bool = False
) -> dict[str, float]:
    """Return the seconds that rows take because of each limit, or none if one window has room for them.

    A window begins with its first request, and is used up as fast as the shorter limits allow. Of the last window,
    only that time counts.

    Args:
        rows: The number of rows.
        windows: Each limit in words, how many rows it allows in a window, and the seconds of a window.
        limits: All limits.
        is_begun: Whether these rows are the rest of a batch.
    """
    times: dict[str, float] = {}
    for number, (text, room, length) in enumerate(windows):
        waits = max(0, math.ceil(rows / room) - 1)
        times[text] = rows / room * length if waits else 0.0
        if waits and not is_begun:
            rest = _seconds_by_limit(rows - waits * room, windows[:number], limits)
            times[text] = waits * length + min(length, max(limits.duration or 0.0, 0.0, *rest.values()))
    if limits.concurrency and limits.duration is not None:
        rounds = math.ceil(rows / limits.concurrency)
        times[f"{limits.concurrency:,} runs at a time"] = rounds * limits.duration
    return times


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
