"""The timeline of a rate limit: real processes with one key, each with a limiter of its own, and with a shared one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from fibonacci.emulator import Emulator, RecordedRequest
from tests.tools.limits.processes import running
from tests.tools.limits.worker import PROCESS, Work
from tests.tools.pictures.charts.columns import ColumnPanel, TimeSpan
from tests.tools.pictures.charts.parts import card, legend
from tests.tools.pictures.themes import Theme, in_both

_PROCESSES: Final = 3
_INTERVAL: Final = 0.5
_TOP: Final = 68.0
_START: Final = 3.0  # the seconds that a process may take to begin


class PlanWindow(NamedTuple):
    """The rate limit of the run.

    Attributes:
        limit: Requests in a window.
        seconds: Seconds of a window.
        shown: How many windows are shown.
    """

    limit: int
    seconds: float
    shown: float


PLAN: Final = PlanWindow(60, 10.0, 3.4)


class TimedRequest(NamedTuple):
    """A request that the emulator received.

    Attributes:
        second: When, in seconds since the first one.
        process: The number of the process that sent it.
        is_refused: Whether the response was a 429.
    """

    second: float
    process: int
    is_refused: bool


def requests_of(rate_limiter: str, plan: PlanWindow) -> list[TimedRequest]:
    """Let processes call at a steady pace that is too fast for the plan; return the requests."""
    seconds = plan.seconds * plan.shown + _START
    with Emulator(rate_limit=(plan.limit, plan.seconds)) as emulator, TemporaryDirectory() as folder:
        works = [
            Work(
                emulator.base_url,
                emulator.api_key,
                rate_limiter,
                threads=2,
                seconds=seconds,
                pause=plan.seconds / plan.limit * 2.5,
                timeout=2 * seconds,
                number=number,
            )
            for number in range(_PROCESSES)
        ]
        with running(works, Path(folder)) as processes:
            processes.wait_until_ready()
            processes.begin()
            done = processes.done()
        assert not [error for each in done for error in each.errors], "no call fails: those refused are sent again"
        return _timed(list(emulator.requests), plan)


def _timed(requests: Sequence[RecordedRequest], plan: PlanWindow) -> list[TimedRequest]:
    begin = requests[0].time
    return [
        TimedRequest(request.time - begin, int(request.headers[PROCESS]), request.status == 429)
        for request in requests
        if request.time < begin + plan.seconds * plan.shown
    ]


def limiter_timeline(plan: PlanWindow = PLAN) -> dict[str, str]:
    """Return the timeline by its file's name; it takes as long as the windows."""
    with ThreadPoolExecutor() as pool:
        own, shared = pool.map(partial(requests_of, plan=plan), ("process", "machine"))
    panels = [
        panel_of('rate_limiter="process": each process has a limiter of its own', own, plan),
        panel_of('rate_limiter="machine": the processes share one', shared, plan),
    ]
    return in_both("limiter-timeline", partial(_draw, panels, plan))


def _draw(panels: Sequence[ColumnPanel], plan: PlanWindow, theme: Theme) -> str:
    colors = [*theme.series[:_PROCESSES], theme.colors["failed"]]
    names = [*(f"process {number + 1}" for number in range(_PROCESSES)), "refused"]
    parts = legend(50, list(zip(names, colors, strict=True)))
    for number, panel in enumerate(panels):
        parts += panel.draw(_TOP + number * ColumnPanel.HEIGHT, colors, theme)
    title = f"{_PROCESSES} processes, one key: {plan.limit} requests in {plan.seconds:g} s"
    return card(title, _TOP + len(panels) * ColumnPanel.HEIGHT + 8, theme, parts)


def panel_of(title: str, requests: Sequence[TimedRequest], plan: PlanWindow) -> ColumnPanel:
    """Return the requests as columns, with the windows that they were in, and the waits between."""
    seconds = plan.seconds * plan.shown
    stacks = [[0] * (_PROCESSES + 1) for _ in range(math.ceil(seconds / _INTERVAL))]
    for request in requests:
        kind = _PROCESSES if request.is_refused else request.process
        stacks[int(request.second / _INTERVAL)][kind] += 1
    refused = sum(request.is_refused for request in requests)
    note = f"requests in half a second; {len(requests)} in all, {refused} of them refused"
    windows = _windows(requests, plan)
    return ColumnPanel(title, note, _INTERVAL, seconds, stacks, windows, _waits(requests, windows))


def _windows(requests: Sequence[TimedRequest], plan: PlanWindow) -> list[TimeSpan]:
    """Return the windows, each of which begins with the first request after the one before."""
    begins: list[float] = []
    for request in requests:
        if not request.is_refused and (not begins or request.second >= begins[-1] + plan.seconds):
            begins.append(request.second)
    spans: list[TimeSpan] = []
    for begin in begins:
        end = begin + plan.seconds
        inside = [request for request in requests if begin <= request.second < end]
        refused = sum(request.is_refused for request in inside)
        spans.append(TimeSpan(begin, end, f"{len(inside) - refused} served, {refused} refused"))
    return spans


def _waits(requests: Sequence[TimedRequest], windows: Sequence[TimeSpan]) -> list[TimeSpan]:
    """Return the times between the last request of a window and the next window."""
    waits: list[TimeSpan] = []
    for following in windows[1:]:
        last = max(request.second for request in requests if request.second < following.begin)
        column = _INTERVAL * (int(last / _INTERVAL) + 1)
        waits.append(TimeSpan(column, _INTERVAL * int(following.begin / _INTERVAL), "all wait"))
    return waits
