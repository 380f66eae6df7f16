"""What one call is made of: the whole, and what is left without one layer after another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, interleaved, rows
from tests.tools.benchmarks.processes import Worker
from tests.tools.benchmarks.sdk_code import PARTS

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

CALLS = 150
WHOLE = "the whole"
FUNCTIONS = {
    WHOLE: "a_call",
    "the rules, without the network": "rules",
    "sending, without the rules": "sending",
    "h11 and a socket": "by_h11",
    "a socket": "sockets",
}


def measure(bench: Bench) -> list[FigureRow]:
    """CPU of each part, relative to the whole."""
    worker = Worker(bench.environments.python("sdk"), PARTS)
    worker.run("load", url=f"{bench.url}/v1/workflows/wf-1")
    worker.run("prepare", url=f"{bench.url}/v1")

    def run(function: str) -> float:
        return worker.run(function, number=CALLS).cpu / CALLS * 1e6

    samples = interleaved({name: partial(run, function) for name, function in FUNCTIONS.items()}, bench.runs(15, 61))
    worker.close()
    return rows("parts of a call", "µs of CPU per call", samples, WHOLE)
