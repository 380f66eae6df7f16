"""Processes that share a rate limit, over simulated time: requests that are refused, and the part of the plan used."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import NamedTuple

from tests.core.simulated_processes import SimulatedProcess, SimulatedWorld
from tests.core.simulated_server import SimulatedServer

ROUNDINGS: dict[str, Callable[[float], int]] = {"up": math.ceil, "down": math.floor, "nearest": round}
_LIMIT = 60
_THREADS = 128  # of all processes: more than the limit, so that it is what bounds them
_WINDOWS = 12
_STARTED_WITHIN = 0.3  # seconds


class Contention(NamedTuple):
    """What processes meet.

    Attributes:
        rounding: How the server rounds the resets that it states, a key of `ROUNDINGS`.
        is_aligned: Whether windows begin by the clock; else with their first request.
        longest: A response takes up to so many seconds.
        kills: Seconds after which a process is killed, again and again, and another one begins. 0 for never.
        processes: How many there are.
        window: Seconds of a window.
    """

    rounding: str
    is_aligned: bool
    longest: float = 0.0
    kills: float = 0.0
    processes: int = 8
    window: float = 5.0


class SimulatedOutcome(NamedTuple):
    """What came of it.

    Attributes:
        sent: How many requests were sent.
        refused: How many of them were refused.
        used: The part of the requests of the windows that was used.
        smallest: The calls of the process that made the fewest, as a part of the average.
    """

    sent: int
    refused: int
    used: float
    smallest: float

    @property
    def is_as_promised(self) -> bool:
        """Whether at most 1 % was refused, and at least 95 % was used."""
        return self.refused <= 0.01 * self.sent and self.used >= 0.95


def simulate(case: Contention, limit: int = _LIMIT) -> SimulatedOutcome:
    """Let processes that share a window call as often as they can."""
    chance = random.Random(f"{case}")
    server = SimulatedServer(
        limit,
        case.window,
        is_aligned=case.is_aligned,
        skew=chance.uniform(0, 1000),  # so that windows that begin by a clock do not begin at whole seconds
        rounding=ROUNDINGS[case.rounding],
        has_retry_after=False,
    )
    world, ends = SimulatedWorld(server), case.window * _WINDOWS
    processes: list[SimulatedProcess] = []

    def times() -> tuple[float, float]:
        return chance.uniform(0.002, 0.03), chance.uniform(0.001, max(0.01, case.longest))

    def start() -> None:
        processes.append(process := SimulatedProcess(world, 0.001))
        for _ in range(_THREADS // case.processes):
            begin = world.now + chance.uniform(0, _STARTED_WITHIN)
            process.at(begin, partial(process.call_again_and_again, times, until=ends))

    def kill() -> None:
        chance.choice([process for process in processes if not process.is_killed]).kill()
        start()
        if world.now < ends:
            world.at(world.now + case.kills, kill)

    for _ in range(case.processes):
        start()
    if case.kills:
        world.at(case.kills, kill)
    world.run(until=ends + 200)
    ended = [process.ended for process in processes if not process.is_killed]
    sent = sum(server.admitted.values()) + server.refused
    return SimulatedOutcome(sent, server.refused, server.places_used, min(ended) * len(ended) / max(1, sum(ended)))


def simulated_table() -> Iterator[str]:
    """Yield the lines of a table of all cases."""
    yield "| processes | a response takes | killed each | windows begin | resets rounded | requests | refused | used |"
    yield "|---|---|---|---|---|---|---|---|"
    for processes, longest, kills, is_aligned, rounding in product(
        (8, 16), (0.0, 2.0, 4.0), (0.0, 1.5), (True, False), ROUNDINGS
    ):
        done = simulate(Contention(rounding, is_aligned, longest, kills, processes))
        begin, killed = "by the clock" if is_aligned else "with a request", f"{kills:g} s" if kills else "never"
        row = (processes, f"0 to {longest:g} s", killed, begin, rounding, done.sent, done.refused, f"{done.used:.1%}")
        yield f"| {' | '.join(map(str, row))} |{'' if done.is_as_promised else ' FAILED'}"
