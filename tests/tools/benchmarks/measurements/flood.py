"""A server that sends chunks of one byte without end: the longest that another task of the event loop has to wait."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, rows
from tests.tools.benchmarks.subjects import ASYNC

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

SECONDS = 1.0
SHOWN = ("fibonacci", "httpx", "aiohttp")
FREEZE = """
import asyncio
import time

async def freeze(seconds, id):
    client, longest = make(), 0.0

    async def tick():
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - before)

    ticking = asyncio.ensure_future(tick())
    try:
        async with asyncio.timeout(seconds):
            await call(client, id)
    except TimeoutError:
        pass
    await asyncio.sleep(0.01)
    ticking.cancel()
    return longest
"""


def measure(bench: Bench) -> list[FigureRow]:
    """CPU of the client between two turns of the other task: what else the machine does is not counted."""
    subjects = {name: replace(ASYNC[name], imports=ASYNC[name].imports + FREEZE) for name in SHOWN}
    samples: dict[str, list[float]] = {}
    with bench.workers(subjects, lambda worker: worker.run("calls", number=1)) as workers:
        for _ in range(bench.runs(2, 7)):
            for name, worker in workers.items():
                spent = worker.run("freeze", seconds=SECONDS, id="flood")
                samples.setdefault(name, []).append(spent.result * 1000)
    return rows("flood: longest wait of another task", "ms of CPU", samples, "httpx")
