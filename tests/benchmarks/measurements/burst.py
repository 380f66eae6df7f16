"""A burst of 1,000 calls on a client that has made one: calls per second of the client's CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.figures import Row, rows
from tests.benchmarks.subjects import ASYNC

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench

CALLS = 1000
SHOWN = ("fibonacci", "httpx", "httpx2", "aiohttp", "openai", "openai[aiohttp]")


def measure(bench: Bench) -> list[Row]:
    """Each run has a process of its own; limits are what each client has when nothing is said."""
    subjects = {name: subject for name, subject in ASYNC.items() if bench.full or name in SHOWN}
    samples: dict[str, list[float]] = {}
    for _ in range(bench.runs(1, 5)):
        with bench.workers(subjects, lambda worker: worker.run("calls", number=1)) as workers:
            for name, worker in workers.items():
                spent = worker.run("calls", number=CALLS, at_once=CALLS)
                samples.setdefault(name, []).append(CALLS / spent.cpu)
    return rows("burst of 1,000 calls", "calls per s of CPU", samples, "httpx")
