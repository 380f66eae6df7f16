"""Calls of the emulator by the SDK's client, with both ends in one process, and executions of one node."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, interleaved, rows
from tests.tools.benchmarks.processes import Worker
from tests.tools.benchmarks.sdk_code import EMULATOR

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

CALLS = 300
KINDS = ("in memory", "in a file")
WAYS = {"in process": "in_process", "over a socket": "socket"}


def measure(bench: Bench) -> list[FigureRow]:
    """Measure calls per second of CPU, client and emulator together, and an execution without the client."""
    worker = Worker(bench.environments.python("sdk"), EMULATOR)

    def run(how: str) -> float:
        return CALLS / worker.run("get", how=how, number=CALLS).cpu

    actions = {name: partial(run, how) for name, how in WAYS.items()}
    for action in actions.values():
        action()
    found = rows("emulator", "calls per s of CPU", interleaved(actions, bench.runs(7, 25)))

    def execute(kind: str) -> float:
        return worker.run("execute", kind=kind, number=CALLS).cpu / CALLS * 1e6

    actions = {kind: partial(execute, kind) for kind in KINDS}
    interleaved(actions, 2)
    found += rows("emulator: an execution", "µs of CPU", interleaved(actions, bench.runs(7, 25)))
    worker.close()
    return found
