"""500 calls that wait for the rate limit: what they cost while nothing happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, rows
from tests.tools.benchmarks.processes import Worker
from tests.tools.benchmarks.sdk_code import WAITING

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

CALLS = 500
SECONDS = 2
SUBJECTS = {"tasks": "fibonacci", "threads": "fibonacci, threads"}


def measure(bench: Bench) -> list[FigureRow]:
    """Measure the CPU of the process once all of them wait."""
    worker = Worker(bench.environments.python("sdk"), WAITING)
    samples: dict[str, list[float]] = {subject: [] for subject in SUBJECTS.values()}
    for _ in range(bench.runs(1, 5)):
        for function, subject in SUBJECTS.items():
            samples[subject].append(worker.run(function, number=CALLS, seconds=SECONDS).result)
    worker.close()
    return rows("500 calls that wait for the rate limit", "% of a core", samples)
