"""Making a client, after the import: the first of a process, and many that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, rows
from tests.tools.benchmarks.subjects import SYNC

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

# What takes milliseconds and a megabyte for each is made less often.
LIGHT = ("fibonacci",)


def measure(bench: Bench) -> list[FigureRow]:
    """Measure the time of the first client, and time and memory of each of many."""
    first: dict[str, list[float]] = {}
    many: dict[str, list[float]] = {}
    size: dict[str, list[float]] = {}
    fewer = 200 if bench.full else 40
    for _ in range(bench.runs(2, 11)):
        # A new process each time, for what the first client of a process costs.
        with bench.workers(SYNC, lambda worker: worker.run("memory")) as workers:
            for name, worker in workers.items():
                number = 1000 if name in LIGHT else fewer
                first.setdefault(name, []).append(worker.run("clients", number=1).cpu * 1000)
                spent = worker.run("clients", number=number)
                many.setdefault(name, []).append(spent.cpu / number * 1000)
                size.setdefault(name, []).append(spent.result / 1024)
    return [
        *rows("client: the first of a process", "ms of CPU", first, "httpx"),
        *rows("client: each of many", "ms of CPU", many, "httpx"),
        *rows("client: memory of each of many", "KB", size, "httpx"),
    ]
