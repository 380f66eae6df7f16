"""500 calls at once in a process that may have 256 files open: how many are answered, and how long that takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, rows
from tests.tools.benchmarks.subjects import ASYNC

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

CALLS = 500
SHOWN = ("fibonacci", "httpx", "httpx2", "aiohttp")
ANSWERED = """
import asyncio
import resource

async def answered(number, limit, id):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    client = make()
    ended = await asyncio.gather(*(call(client, id) for _ in range(number)), return_exceptions=True)
    return sum(not isinstance(one, BaseException) for one in ended)
"""


def measure(bench: Bench) -> list[FigureRow]:
    """Each response takes two seconds, so that all calls are under way at once."""
    subjects = {name: replace(ASYNC[name], imports=ASYNC[name].imports + ANSWERED) for name in SHOWN}
    numbers: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for _ in range(bench.runs(1, 3)):
        # New processes each time, for the limit is theirs.
        with bench.workers(subjects, lambda worker: worker.run("calls", number=1)) as workers:
            for name, worker in workers.items():
                spent = worker.run("answered", number=CALLS, limit=256, id="slow")
                numbers.setdefault(name, []).append(spent.result)
                seconds.setdefault(name, []).append(spent.wall)
    return [
        *rows("500 calls at nofile 256: answered", "calls", numbers),
        *rows("500 calls at nofile 256", "s", seconds, "httpx"),
    ]
