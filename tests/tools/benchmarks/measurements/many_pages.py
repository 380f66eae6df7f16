"""Iterating 1,000 pages of 100 objects over a socket: the time of a page, and the memory against that of ten pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, rows
from tests.tools.benchmarks.processes import Worker
from tests.tools.benchmarks.sdk_code import MANY_PAGES

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench


def measure(bench: Bench) -> list[FigureRow]:
    """If more than a page is held, the peak of memory grows with the pages."""
    times: dict[str, list[float]] = {}
    peaks: dict[str, list[float]] = {}
    for _ in range(bench.runs(1, 5)):
        for pages in (10, 1000):
            worker = Worker(bench.environments.python("sdk"), MANY_PAGES)
            spent = worker.run("pages", url=f"{bench.url}/pages={pages}")
            worker.close()
            peak, number = spent.result
            if number != pages:
                raise RuntimeError(f"{number} pages came instead of {pages}")
            times.setdefault(f"{pages:,} pages", []).append(spent.cpu / pages * 1000)
            peaks.setdefault(f"{pages:,} pages", []).append(peak / 1e6)
    return [
        *rows("iterating pages: each page", "ms of CPU", {"1,000 pages": times["1,000 pages"]}),
        *rows("iterating pages: peak memory", "MB", peaks, "10 pages"),
    ]
