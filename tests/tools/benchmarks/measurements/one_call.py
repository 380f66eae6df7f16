"""One call at a time on a warm connection: CPU per call."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, interleaved, rows
from tests.tools.benchmarks.subjects import ASYNC, SYNC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.tools.benchmarks.bench import Bench
    from tests.tools.benchmarks.processes import Worker
    from tests.tools.benchmarks.subjects import Subject

CALLS = 150


def measure(bench: Bench) -> list[FigureRow]:
    """CPU per call, relative to the bare call of httpx."""
    return [*_measured(bench, "one call", SYNC), *_measured(bench, "one call, async", ASYNC)]


def _measured(bench: Bench, measurement: str, subjects: Mapping[str, Subject]) -> list[FigureRow]:
    with bench.workers(subjects, lambda worker: worker.run("calls", number=CALLS)) as workers:

        def run(worker: Worker) -> float:
            return worker.run("calls", number=CALLS).cpu / CALLS * 1e6

        actions = {name: partial(run, worker) for name, worker in workers.items()}
        return rows(measurement, "µs of CPU per call", interleaved(actions, bench.runs(9, 61)), "httpx")
