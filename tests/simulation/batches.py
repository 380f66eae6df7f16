"""Batches over simulated time: an outage, and a quota of executions at a time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from random import Random

from fibonacci.emulator import Emulator
from tests.simulation.event_loop import SimulatedEventLoop
from tests.simulation.platform import Fate, Network, SimulatedExchange, SimulatedPlatform, even

_DEFINITION = {"nodes": [{"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": "{{input.seconds}}"}}]}


@dataclass(frozen=True)
class Batch:
    """A batch of rows, each of which takes some seconds.

    Attributes:
        rows: How many rows there are.
        seconds: How long the execution of each takes.
        concurrency: The argument of `run_many`; None for what the quota leaves.
        quota: The quota of executions at a time.
        limit: Requests of a window of a minute.
        outage: When the platform is not reachable, from and until.
        skew: Seconds by which the clock of the batch is ahead.
    """

    rows: int
    seconds: float
    concurrency: int | None = None
    quota: int = 10_000
    limit: int = 6_000
    outage: tuple[float, float] = (0.0, 0.0)
    skew: float = 0.0


@dataclass(frozen=True)
class BatchFigures:
    """What came of a batch.

    Attributes:
        batch: The batch.
        exchanges: Every request.
        done: How many rows are done.
        elapsed: How long it took.
    """

    batch: Batch
    exchanges: list[SimulatedExchange]
    done: int
    elapsed: float

    @property
    def refused(self) -> int:
        """How many requests were refused, by the rate limit or by a quota."""
        return sum(each.served == 429 for each in self.exchanges)

    @property
    def failed(self) -> list[float]:
        """When each request was sent that did not reach the platform."""
        return [each.begun for each in self.exchanges if each.fate == "refused"]

    @property
    def starts(self) -> list[float]:
        """When each row was started."""
        return [each.handled for each in self.exchanges if each.starts and each.served == 200 and each.handled]

    @property
    def back_after(self) -> float:
        """Seconds from the end of the outage until rows are started again."""
        return min(at for at in self.starts if at >= self.batch.outage[1]) - self.batch.outage[1]

    @property
    def capacity(self) -> float:
        """Which part of the quota of executions at a time was in use, on average."""
        return self.done * self.batch.seconds / self.elapsed / self.batch.quota


def measure_batch(batch: Batch, seed: int = 1) -> BatchFigures:
    """Simulate a batch to its end.

    Args:
        batch: The batch.
        seed: Of the delays and the jitter.
    """
    state = random.getstate()
    random.seed(seed)
    loop = SimulatedEventLoop()
    try:
        return _run(batch, loop, Random(seed))
    finally:
        loop.end()
        random.setstate(state)


def _run(batch: Batch, loop: SimulatedEventLoop, random: Random) -> BatchFigures:
    emulator = Emulator(time="manual", keep=None, rate_limit=(batch.limit, 60.0))
    platform = SimulatedPlatform(loop, emulator)
    owner = emulator.client(rate_limiter="off")
    workflow = owner.workflows.create(name="simulated", definition=_DEFINITION).id
    owner.organizations.quota.update("default", concurrent_executions=batch.quota)

    def fate(now: float) -> Fate:
        return "refused" if batch.outage[0] <= now < batch.outage[1] else "arrives"

    async def iterate() -> int:
        client = platform.client(Network(even(random, 0.02, 0.08), even(random, 0.02, 0.08), fate), skew=batch.skew)
        rows = ({"seconds": batch.seconds, "n": number} for number in range(batch.rows))
        done = 0
        async for run in client.workflows.run_many(workflow, rows, concurrency=batch.concurrency):
            done += run.succeeded
        return done

    task = loop.run(iterate())
    loop.run_until(task.done)
    return BatchFigures(batch, platform.exchanges, task.result(), loop.time())
