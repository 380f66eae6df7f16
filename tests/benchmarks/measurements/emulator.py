"""Calls of the emulator by the SDK's client, in process and over a socket, with both ends in one process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.figures import FigureRow, interleaved, rows
from tests.benchmarks.processes import Worker
from tests.benchmarks.sdk_code import EMULATOR

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench

CALLS = 300
WAYS = {"in process": "in_process", "over a socket": "socket"}


def measure(bench: Bench) -> list[FigureRow]:
    """Measure calls per second of CPU, client and emulator together."""
    worker = Worker(bench.environments.python("sdk"), EMULATOR)

    def run(how: str) -> float:
        return CALLS / worker.run("get", how=how, number=CALLS).cpu

    actions = {name: partial(run, how) for name, how in WAYS.items()}
    for action in actions.values():
        action()
    samples = interleaved(actions, bench.runs(7, 25))
    worker.close()
    return rows("emulator", "calls per s of CPU", samples)
