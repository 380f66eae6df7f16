"""Batches over simulated time: an outage, a quota of executions at a time, and what others make of them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from fibonacci import AsyncFibonacci, Fibonacci, QuotaExceededError
from fibonacci.emulator import Emulator
from tests.tools.simulation.chance import seeded
from tests.tools.simulation.event_loop import SimulatedEventLoop
from tests.tools.simulation.platform import Fate, Network, SimulatedExchange, SimulatedPlatform, even

_DEFINITION = {"nodes": [{"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": "{{input.seconds}}"}}]}

# Seconds that an execution of another program takes, its pause after it, and until it comes again when it was refused.
_OTHERS_RUN, _OTHERS_PAUSE, _OTHERS_RETRY = (45.0, 75.0), (0.0, 30.0), 5.0


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
        others: How many others on the same organization run one execution after the other.
    """

    rows: int
    seconds: float
    concurrency: int | None = None
    quota: int = 10_000
    limit: int = 6_000
    outage: tuple[float, float] = (0.0, 0.0)
    skew: float = 0.0
    others: int = 0


@dataclass(frozen=True)
class BatchFigures:
    """What came of a batch.

    Attributes:
        batch: The batch.
        exchanges: Every request.
        done: How many rows are done.
        elapsed: How long it took.
        others: Seconds that the executions of the others have run meanwhile, in all.
    """

    batch: Batch
    exchanges: list[SimulatedExchange]
    done: int
    elapsed: float
    others: float = 0.0

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
        """Which part of the quota of executions at a time was in use, on average, by the batch and by others."""
        return (self.done * self.batch.seconds + self.others) / self.elapsed / self.batch.quota


def measure_batch(batch: Batch, seed: int = 1) -> BatchFigures:
    """Simulate a batch to its end.

    Args:
        batch: The batch.
        seed: Of the delays and the jitter.
    """
    loop = SimulatedEventLoop()
    with seeded(seed):
        try:
            return _run(batch, loop, Random(seed))
        finally:
            loop.end()


def _run(batch: Batch, loop: SimulatedEventLoop, random: Random) -> BatchFigures:
    emulator = Emulator(time="manual", keep=None, rate_limit=(batch.limit, 60.0))
    platform = SimulatedPlatform(loop, emulator)
    owner = emulator.client(rate_limiter="off")
    workflow = owner.workflows.create(name="simulated", definition=_DEFINITION).id
    owner.organizations.quota.update("default", concurrent_executions=batch.quota)
    others = [_OtherProgram(platform, owner, workflow, random) for _ in range(batch.others)]

    def fate(now: float) -> Fate:
        return "refused" if batch.outage[0] <= now < batch.outage[1] else "arrives"

    network = Network(even(random, 0.02, 0.08), even(random, 0.02, 0.08), fate)
    client = platform.client(network, skew=batch.skew)
    rows = [{"seconds": batch.seconds, "n": number} for number in range(batch.rows)]
    task = loop.run(_run_many(client, workflow, rows, batch.concurrency))
    loop.run_until(task.done)
    elapsed = loop.time()
    seconds = sum(each.seconds_until(elapsed) for each in others)
    return BatchFigures(batch, platform.exchanges, task.result(), elapsed, seconds)


async def _run_many(client: AsyncFibonacci, workflow: str, rows: list[dict[str, Any]], concurrency: int | None) -> int:
    done = 0
    async for run in client.workflows.run_many(workflow, rows, concurrency=concurrency):
        done += run.succeeded
    return done


class _OtherProgram:
    """Runs one execution after the other on the same organization, with a pause after each.

    Args:
        platform: The platform.
        client: Its client.
        workflow: The id of a workflow that takes as long as its inputs say.
        random: The source of its times.
    """

    def __init__(self, platform: SimulatedPlatform, client: Fibonacci, workflow: str, random: Random) -> None:
        self._platform = platform
        self._client = client
        self._workflow = workflow
        self._random = random
        self._runs: list[tuple[float, float]] = []
        self._start()

    def seconds_until(self, end: float) -> float:
        """Return for how many seconds its executions have run until then."""
        return sum(min(ended, end) - begun for begun, ended in self._runs)

    def _start(self) -> None:
        self._platform.catch_up()
        now, seconds = self._platform.loop.time(), self._random.uniform(*_OTHERS_RUN)
        try:
            self._client.workflows.execute(self._workflow, inputs={"seconds": seconds})
        except QuotaExceededError:
            pause = _OTHERS_RETRY
        else:
            self._runs.append((now, now + seconds))
            pause = seconds + self._random.uniform(*_OTHERS_PAUSE)
        self._platform.loop.call_later(pause, self._start)
