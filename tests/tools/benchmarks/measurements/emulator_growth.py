"""An emulator that is used for long: a page of a long list, its memory with retention, and starting and stopping it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, interleaved, rows
from tests.tools.benchmarks.processes import Worker
from tests.tools.benchmarks.sdk_code import EMULATOR_GROWTH

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

KINDS = ("in memory", "in a file")
FEW, MANY = 1_000, 100_000
PAGES = 100
LISTS = {"all": "/executions", "filtered": "/executions?status=failed&workflow_id=wf-0"}
EXECUTIONS = 100_000


def measure(bench: Bench) -> list[FigureRow]:
    """Measure what must not grow."""
    worker = Worker(bench.environments.python("sdk"), EMULATOR_GROWTH)
    try:
        return [*_pages(worker, bench), *_memory(worker), *_starts(worker, bench)]
    finally:
        worker.close()


def _pages(worker: Worker, bench: Bench) -> list[FigureRow]:
    found: list[FigureRow] = []
    for kind in KINDS:
        for runs in (FEW, MANY):
            worker.run("fill", kind=kind, runs=runs)
        for name, target in LISTS.items():

            def page(runs: int, kind: str = kind, target: str = target) -> float:
                return worker.run("pages", kind=kind, runs=runs, target=target, number=PAGES).cpu / PAGES * 1e6

            actions = {f"{runs:,} runs": partial(page, runs) for runs in (FEW, MANY)}
            samples = interleaved(actions, bench.runs(7, 25))
            found += rows(f"emulator {kind}: a page of {name} runs", "µs of CPU", samples, f"{FEW:,} runs")
    return found


def _memory(worker: Worker) -> list[FigureRow]:
    sizes = worker.run("execute", number=EXECUTIONS).result
    samples = {f"{EXECUTIONS // 5:,} executions": [sizes[0] / 1e6], f"{EXECUTIONS:,} executions": [sizes[-1] / 1e6]}
    return rows("emulator: memory with retention", "MB", samples, f"{EXECUTIONS // 5:,} executions")


def _starts(worker: Worker, bench: Bench) -> list[FigureRow]:
    def start_and_stop(kind: str) -> float:
        return worker.run("start_and_stop", kind=kind).wall * 1000

    actions = {kind: partial(start_and_stop, kind) for kind in KINDS}
    interleaved(actions, 2)
    return rows("emulator: start and stop", "ms", interleaved(actions, bench.runs(15, 51)))
