"""Many calls in flight on open connections: calls per second of the client's CPU.

The clock is not used, as the server and whatever else the machine does share the processors with the client. With
so many calls in flight the client is never idle on a quiet machine, so the two come to the same there.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.figures import Row, interleaved, rows
from tests.benchmarks.subjects import ASYNC

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.processes import Worker

# httpx keeps 20 of its 100 connections when nothing else is said; here it keeps all.
RAISED = ", limits={0}.Limits(max_connections=100, max_keepalive_connections=100))"
SUBJECTS = {
    **ASYNC,
    "httpx": replace(ASYNC["httpx"], make=ASYNC["httpx"].make.removesuffix(")") + RAISED.format("httpx")),
    "httpx2": replace(ASYNC["httpx2"], make=ASYNC["httpx2"].make.removesuffix(")") + RAISED.format("httpx2")),
}
SHOWN = ("fibonacci", "httpx", "httpx2", "aiohttp", "openai", "openai[aiohttp]")
IN_FLIGHT = (10, 100, 1000)


def measure(bench: Bench) -> list[Row]:
    """Calls per second of CPU with 10, 100 and 1,000 in flight."""
    found: list[Row] = []
    subjects = {name: subject for name, subject in SUBJECTS.items() if bench.full or name in SHOWN}
    calls = 5000 if bench.full else 1200
    for at_once in IN_FLIGHT:

        def run(worker: Worker, at_once: int = at_once) -> float:
            return calls / worker.run("calls", number=calls, at_once=at_once).cpu

        with bench.workers(subjects, run) as workers:
            actions = {name: partial(run, worker) for name, worker in workers.items()}
            samples = interleaved(actions, bench.runs(2, 7))
        found += rows(f"{at_once:,} calls in flight", "calls per s of CPU", samples, "httpx")
    return found
