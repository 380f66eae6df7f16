"""A page from its bytes to objects, with and without the rest of a call but the network, relative to that by hand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, interleaved, rows
from tests.tools.benchmarks.processes import Worker
from tests.tools.benchmarks.sdk_code import PAGE

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

BY_HAND = "json.loads and model_validate"
FUNCTIONS = {"fibonacci, decoding": "decoded", "fibonacci, the whole call": "fibonacci", BY_HAND: "by_hand"}


def measure(bench: Bench) -> list[FigureRow]:
    """Time for pages of 100 and of 10,000 objects of twelve fields, and the peak memory of the latter."""
    python = bench.environments.python("sdk")
    found: list[FigureRow] = []
    for objects, repeats, runs in ((100, 30, bench.runs(15, 61)), (10_000, 1, bench.runs(7, 25))):
        worker = Worker(python, PAGE)
        worker.run("load", url=f"{bench.url}/v1/workflows?limit={objects}")

        def run(function: str, worker: Worker = worker, repeats: int = repeats) -> float:
            worker.run("collect")  # else what one has left is collected, and counted, while it is another's turn
            return worker.run(function, number=repeats).cpu / repeats * 1000

        actions = {name: partial(run, function) for name, function in FUNCTIONS.items()}
        for action in actions.values():
            action()
        samples = interleaved(actions, runs)
        worker.close()
        found += rows(f"page of {objects:,} objects", "ms of CPU", samples, BY_HAND)
    return [*found, *_memory(bench)]


def _memory(bench: Bench) -> list[FigureRow]:
    samples: dict[str, list[float]] = {name: [] for name in FUNCTIONS}
    for _ in range(bench.runs(3, 7)):
        for name, function in FUNCTIONS.items():
            # What a process has once taken it may keep, so each figure needs a new one.
            worker = Worker(bench.environments.python("sdk"), PAGE)
            worker.run("load", url=f"{bench.url}/v1/workflows?limit=100")
            worker.run(function, number=1)
            worker.run("load", url=f"{bench.url}/v1/workflows?limit=10000")
            samples[name].append(worker.run("peak", which=function).result / 1e6)
            worker.close()
    return rows("page of 10,000 objects: peak memory", "MB", samples, BY_HAND)
