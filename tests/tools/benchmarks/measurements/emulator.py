"""Executions of one node in the emulator, without a client."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, interleaved, rows
from tests.tools.benchmarks.processes import Worker
from tests.tools.benchmarks.sdk_code import EMULATOR

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

CALLS = 300


def measure(bench: Bench) -> list[FigureRow]:
    """Measure the CPU of an execution, with the state in memory and in a file."""
    worker = Worker(bench.environments.python("sdk"), EMULATOR)

    def execute(kind: str) -> float:
        return worker.run("execute", kind=kind, number=CALLS).cpu / CALLS * 1e6

    actions = {kind: partial(execute, kind) for kind in ("in memory", "in a file")}
    interleaved(actions, 2)
    found = rows("emulator: an execution", "µs of CPU", interleaved(actions, bench.runs(7, 25)))
    worker.close()
    return found
