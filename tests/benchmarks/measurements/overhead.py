"""What the retry machinery and the rate limiter add to a call that succeeds at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.figures import Row, interleaved, rows
from tests.benchmarks.processes import Worker
from tests.benchmarks.sdk_code import OVERHEAD

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench

CALLS = 20_000
SYNC = {"colour": "sync", "prefix": "", "async_": "", "await_": ""}
ASYNC = {"colour": "async", "prefix": "Async", "async_": "async ", "await_": "await "}


def measure(bench: Bench) -> list[Row]:
    """A whole call, its attempts being given, beside the attempts alone; and a passage through the limiter."""
    found: list[Row] = []
    for ending, colour in (("", SYNC), (", async", ASYNC)):
        worker = Worker(bench.environments.python("sdk"), filled(OVERHEAD, colour))
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


def filled(code: str, colour: dict[str, str]) -> str:
    """The code in one colour."""
    for name, word in colour.items():
        code = code.replace(f"{{{name}}}", word)
    return code


def _less(values: list[float], others: list[float]) -> list[float]:
    return [value - other for value, other in zip(values, others, strict=True)]
