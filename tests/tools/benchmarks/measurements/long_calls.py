"""500 calls at once, each with a response after two seconds: seconds until all have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.bench import skipped
from tests.tools.benchmarks.figures import FigureRow, rows
from tests.tools.benchmarks.subjects import ASYNC

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

CALLS = 500
SHOWN = ("fibonacci", "openai[aiohttp]")


def measure(bench: Bench) -> list[FigureRow]:
    """On the clock, for the time is spent waiting; limits are what each client has when nothing is said."""
    subjects = {name: subject for name, subject in ASYNC.items() if bench.full or name in SHOWN}
    samples: dict[str, list[float]] = {}
    for _ in range(bench.runs(1, 3)):
        with bench.workers(subjects, lambda worker: worker.run("calls", number=1)) as workers:
            for name, worker in workers.items():
                try:
                    spent = worker.run("calls", number=CALLS, at_once=CALLS, id="slow")
                except RuntimeError as reason:
                    skipped(name, reason)
                else:
                    samples.setdefault(name, []).append(spent.wall)
    return rows("500 calls of two seconds", "s", samples)
