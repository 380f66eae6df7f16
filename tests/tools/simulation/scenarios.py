"""Workers that call all the time, over simulated time: how much of the rate limit is used, and how much is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from fibonacci import AsyncFibonacci, FibonacciError, RateLimitError
from fibonacci.emulator import Emulator
from tests.tools.simulation.chance import seeded
from tests.tools.simulation.event_loop import SimulatedEventLoop
from tests.tools.simulation.platform import Fate, Network, SimulatedPlatform, even


@dataclass(frozen=True)
class Scenario:
    """What the workers meet.

    Attributes:
        workers: How many there are.
        limit: Requests of a window of a minute.
        seconds: How long they work.
        skew: Seconds by which their clock is ahead.
        outage: When the platform is not reachable, from and until.
        outsiders: Requests a minute of others with the same key.
    """

    workers: int
    limit: int = 300
    seconds: float = 600.0
    skew: float = 0.0
    outage: tuple[float, float] = (0.0, 0.0)
    outsiders: float = 0.0


@dataclass
class ScenarioFigures:
    """What came of a scenario.

    Attributes:
        scenario: The scenario.
        served: When each request was served.
        refused: When each request was refused because of the rate limit.
        failed: When each request was sent that did not reach the platform.
        others: How many requests of the others were served.
        calls_failed: How many calls raised an error.
    """

    scenario: Scenario
    served: list[float] = field(default_factory=list[float])
    refused: list[float] = field(default_factory=list[float])
    failed: list[float] = field(default_factory=list[float])
    others: int = 0
    calls_failed: int = 0

    def share(self, begin: float = 0.0, end: float | None = None) -> float:
        """Return which part of what the rate limit allows was served, to the workers and the others."""
        end = self.scenario.seconds if end is None else end
        mine = sum(begin <= at < end for at in self.served)
        return (mine + self.others * (end - begin) / self.scenario.seconds) / (self.scenario.limit * (end - begin) / 60)

    @property
    def window_seconds(self) -> list[float]:
        """Seconds from the begin of each window to that of the next, where the workers use all of them up."""
        begins = sorted(self.served)[:: self.scenario.limit]
        return [after - before for before, after in pairwise(begins)]

    @property
    def back_after(self) -> float:
        """Seconds from the end of the outage to the first request that was served."""
        end = self.scenario.outage[1]
        return min((at - end for at in self.served if at >= end), default=float("inf"))


def measure(scenario: Scenario, seed: int = 1) -> ScenarioFigures:
    """Simulate a scenario.

    Args:
        scenario: What the workers meet.
        seed: Of the delays, the jitter, and the requests of the others.
    """
    loop = SimulatedEventLoop()
    with seeded(seed):
        try:
            return _Simulation(scenario, loop, Random(seed)).run()
        finally:
            loop.end()


class _Simulation:
    def __init__(self, scenario: Scenario, loop: SimulatedEventLoop, random: Random) -> None:
        self._scenario = scenario
        self._loop = loop
        self._random = random
        self._platform = SimulatedPlatform(loop, Emulator(time="manual", rate_limit=(scenario.limit, 60.0)))
        self._figures = ScenarioFigures(scenario)
        self._outsider = self._platform.emulator.client(max_retries=0, rate_limiter="off")
        self._workflow = self._outsider.workflows.create(name="simulated").id
        self._platform.emulator.clock.advance(60)  # the window of that request
        self._platform.epoch += 60

    def run(self) -> ScenarioFigures:
        scenario, network = (
            self._scenario,
            Network(even(self._random, 0.02, 0.08), even(self._random, 0.02, 0.08), self._fate),
        )
        client = self._platform.client(network, skew=scenario.skew, timeout=None)
        first = self._loop.run(_settled(client.workflows.get(self._workflow)))  # as `run_many` begins
        self._loop.run_until(first.done)
        for _ in range(scenario.workers):
            self._loop.run(self._work(client))
        if scenario.outsiders:
            self._loop.call_soon(self._come_from_outside)
        self._loop.run_until(lambda: self._loop.time() >= scenario.seconds)
        for exchange in self._platform.exchanges:
            if exchange.fate == "refused":
                self._figures.failed.append(exchange.begun)
            elif exchange.served is not None and exchange.handled is not None:
                (self._figures.refused if exchange.served == 429 else self._figures.served).append(exchange.handled)
        return self._figures

    async def _work(self, client: AsyncFibonacci) -> None:
        while True:
            try:
                await client.workflows.get(self._workflow)
            except FibonacciError:
                self._figures.calls_failed += 1
                await asyncio.sleep(1.0)

    def _fate(self, now: float) -> Fate:
        begin, end = self._scenario.outage
        return "refused" if begin <= now < end else "arrives"

    def _come_from_outside(self) -> None:
        self._platform.catch_up()
        try:
            self._outsider.workflows.get(self._workflow)
            self._figures.others += 1
        except RateLimitError:
            pass
        self._loop.call_later(self._random.expovariate(self._scenario.outsiders / 60), self._come_from_outside)


async def _settled(call: Awaitable[object]) -> None:
    await call
