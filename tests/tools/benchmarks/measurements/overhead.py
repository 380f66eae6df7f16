"""What the retry machinery and the rate limiter add to a call that succeeds at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, interleaved, rows
from tests.tools.benchmarks.processes import Worker
from tests.tools.benchmarks.sdk_code import OVERHEAD

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

CALLS = 20_000
SYNC = {"mode": "sync", "prefix": "", "async_": "", "await_": ""}
ASYNC = {"mode": "async", "prefix": "Async", "async_": "async ", "await_": "await "}


def measure(bench: Bench) -> list[FigureRow]:
    """Measure a whole call beside its attempts alone, and a passage through the limiter."""
    found: list[FigureRow] = []
    for ending, mode in (("", SYNC), (", async", ASYNC)):
        worker = Worker(bench.environments.python("sdk"), filled(OVERHEAD, mode))
        worker.run("load", url=f"{bench.url}/v1/workflows/wf-1")
        worker.run("prepare")

        def run(function: str, worker: Worker = worker) -> float:
            return worker.run(function, number=CALLS).cpu / CALLS * 1e6

        functions = ("attempts", "responded", "limited", "loop")
        actions = {function: partial(run, function) for function in functions}
        samples = interleaved(actions, bench.runs(15, 61))
        worker.close()
        added = {
            "retry machinery": _less(samples["responded"], samples["attempts"]),
            "rate limiter": _less(samples["limited"], samples["loop"]),
        }
        found += rows(f"added to a call{ending}", "µs of CPU", added)
    return found


def filled(code: str, mode: dict[str, str]) -> str:
    """Return the code in one mode."""
    for name, word in mode.items():
        code = code.replace(f"{{{name}}}", word)
    return code


def _less(values: list[float], others: list[float]) -> list[float]:
    return [value - other for value, other in zip(values, others, strict=True)]
