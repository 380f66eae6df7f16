"""What each way to round resets costs, over simulated time: requests that are refused, windows that are not used."""

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
SKEWS = (0.0, -1.5, 1.5)
_LENGTH = 60.0
_LIMIT = 300


class Resets(NamedTuple):
    """How a server states its resets.

    Attributes:
        rounding: How it rounds them, a key of `ROUNDINGS`.
        skew: How many seconds later than the true ones they are, before they are rounded.
        is_aligned: Whether windows begin by the clock; else with their first request.
        has_retry_after: Whether refusals state a `Retry-After`.
    """

    rounding: str
    skew: float = 0.0
    is_aligned: bool = False
    has_retry_after: bool = False


class ResetsDone(NamedTuple):
    """What came of it.

    Attributes:
        refused: How many requests were refused.
        last: In which window the last one was; 0 when none was.
        share: The part of what the server would have let through that was used.
    """

    refused: int
    last: int
    share: float


def measure_resets(
    resets: Resets, *, processes: int = 16, threads: int = 2, windows: int = 12, limit: int = _LIMIT, apart: float = 0.0
) -> ResetsDone:
    """Let processes that share a window call as often as they can.

    Args:
        resets: How the server states its resets.
        processes: How many there are.
        threads: How many calls each has at a time.
        windows: For how many windows they call.
        limit: Requests in a window.
        apart: Seconds between the clocks of the first and the last process.
    """
    chance = random.Random(f"{resets}")
    server = SimulatedServer(
        limit,
        _LENGTH,
        is_aligned=resets.is_aligned,
        skew=chance.uniform(0, 1000),  # so that windows that begin by a clock do not begin at whole seconds
        rounding=ROUNDINGS[resets.rounding],
        reset_skew=resets.skew,
        has_retry_after=resets.has_retry_after,
    )
    world = SimulatedWorld(server)
    for number in range(processes):
        process = SimulatedProcess(world, 0.001, lambda: False, ahead=apart * number / processes)
        for _ in range(threads):
            transit, duration = chance.uniform(0.005, 0.05), chance.uniform(0.005, 0.1)
            begin = partial(process.call_again_and_again, transit, duration, until=_LENGTH * windows)
            process.at(chance.uniform(0, 0.5), begin)
    world.run(until=_LENGTH * (windows + 10))
    last = math.ceil(max(server.refusals, default=0.0) / _LENGTH)
    return ResetsDone(server.refused, last, server.share_used)


def resets_table() -> Iterator[str]:
    """Yield the lines of a table of all ways."""
    yield "| resets are rounded | and stated | windows begin | `Retry-After` | refused | the last in window | used |"
    yield "|---|---|---|---|---|---|---|"
    for skew, rounding, is_aligned, has_retry_after in product(SKEWS, ROUNDINGS, (False, True), (False, True)):
        done = measure_resets(Resets(rounding, skew, is_aligned, has_retry_after))
        shift = f"{abs(skew):g} s {'late' if skew > 0 else 'early'}" if skew else "as they are"
        begin, retry_after = "by the clock" if is_aligned else "with a request", "yes" if has_retry_after else "no"
        verdict = "" if is_as_promised(done) else " FAILED"
        row = (rounding, shift, begin, retry_after, done.refused, done.last, f"{done.share:.1%}")
        yield f"| {' | '.join(map(str, row))} |{verdict}"


def is_as_promised(done: ResetsDone) -> bool:
    """Whether all processes together were refused once for each second that windows end later, at the most."""
    return done.refused <= 3 and done.share >= 0.98
