"""Many calls in flight: calls per second of the client's CPU, on open connections and in a burst on a new client.

The clock is not used, as the server and whatever else the machine does share the processors with the client. With
so many calls in flight the client is never idle on a quiet machine, so the two come to the same there. Limits are what
each client has when nothing is said: httpx is slower with higher ones.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.tools.benchmarks.bench import skipped
from tests.tools.benchmarks.figures import FigureRow, interleaved, rows
from tests.tools.benchmarks.subjects import ASYNC

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench
    from tests.tools.benchmarks.processes import Worker

SHOWN = ("fibonacci", "httpx", "aiohttp", "openai[aiohttp]")
MANY = 1000
STEADY = {at_once: f"{at_once:,} calls in flight" for at_once in (10, 100, MANY)}
BURST = f"burst of {MANY:,} calls"


def measure(bench: Bench) -> list[FigureRow]:
    """With 10, 100 and 1,000 in flight; what opens the 1,000 connections is the burst."""
    subjects = {name: subject for name, subject in ASYNC.items() if bench.full or name in SHOWN}
    samples: dict[str, dict[str, list[float]]] = {name: {} for name in (*STEADY.values(), BURST)}

    def steady(worker: Worker, at_once: int) -> float:
        # With 1,000 in flight the slowest take a minute for 5,000.
        calls = 5000 if bench.full and at_once < MANY else 1500
        # What was open may have been closed while it was the others' turn.
        worker.run("calls", number=at_once, at_once=at_once)
        return calls / worker.run("calls", number=calls, at_once=at_once).cpu

    for _ in range(bench.runs(1, 3)):
        # New processes each time: what a client has once opened stays with it.
        with bench.workers(subjects, lambda worker: worker.run("calls", number=1)) as workers:
            for at_once in STEADY:
                if at_once == MANY:
                    _burst(workers, samples[BURST])
                actions = {name: partial(steady, worker, at_once) for name, worker in workers.items()}
                for name, values in interleaved(actions, 2).items():
                    samples[STEADY[at_once]].setdefault(name, []).extend(values)
    return [
        row
        for measurement, values in samples.items()
        for row in rows(measurement, "calls per s of CPU", _complete(values), "httpx")
    ]


def _burst(workers: dict[str, Worker], samples: dict[str, list[float]]) -> None:
    """Run a burst on each worker; leave one out from then on when it fails."""
    for name, worker in list(workers.items()):
        worker.run("forget")
        try:
            samples.setdefault(name, []).append(MANY / worker.run("calls", number=MANY, at_once=MANY).cpu)
        except RuntimeError as reason:
            skipped(f"{name} in the {BURST}", reason)
            del workers[name]


def _complete(samples: dict[str, list[float]]) -> dict[str, list[float]]:
    """Those of the subjects that got through every time."""
    most = max(len(values) for values in samples.values())
    return {name: values for name, values in samples.items() if len(values) == most}
