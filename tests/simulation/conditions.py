"""The conditions of a schedule: rows, plan, network, clocks and kills, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

MOST_PROCESSES = 12
"""In how many processes, one after the other, a batch may run."""

_KILLS = 3


@dataclass(frozen=True)
class Conditions:
    """What a seed determines, beside the order of events.

    Attributes:
        rows: The inputs of the rows; some are equal.
        limit: Requests of a window.
        window: Seconds of a window.
        outsiders: Requests a minute of others with the same key.
        faults: How many of the requests fail.
        outage: When an outage begins, and when it ends.
        delay: The shortest and the longest delay of a response; requests take 2 s at most.
        skews: Seconds by which the clocks of the processes are ahead.
        lives: Seconds after which the processes are killed; those after the last are not.
        options: The arguments of `run_many`.
        honors_keys: Whether the platform honors `Idempotency-Key`, and the client relies on that.
        reads_slowly: Whether the rows come from an async iterable.
        changes: When the workflow is changed.
    """

    rows: list[dict[str, Any]]
    limit: int
    window: float
    outsiders: float
    faults: float
    outage: tuple[float, float]
    delay: tuple[float, float]
    skews: list[float]
    lives: list[float]
    options: dict[str, Any]
    honors_keys: bool
    reads_slowly: bool
    changes: list[float]

    @classmethod
    def drawn(cls, random: Random, more: Random) -> Conditions:
        """Draw conditions; the later ones from another source, so that a seed keeps the others that it had."""
        has_twins = random.random() < 0.2
        longest = random.choice([0.0, 1.0, 20.0])
        count = random.randint(1, 12)
        rows = [{"seconds": round(random.uniform(0, longest), 3), "id": number} for number in range(count)]
        if has_twins:
            rows = [{**row, "seconds": longest, "id": number // 2} for number, row in enumerate(rows)]
        outage = random.choice([0.0, 0.0, random.uniform(0, 60)])
        begin = random.uniform(0, 10)
        return cls(
            rows=rows,
            limit=random.choice([6, 12, 30, 300]),
            window=random.choice([10.0, 60.0]),
            outsiders=random.choice([0.0, 0.0, 0.0, 10.0]),
            faults=random.choice([0.0, 0.05, 0.3]),
            outage=(begin, begin + outage),
            delay=random.choice([(0.001, 0.02), (0.01, 2.0), (0.1, 40.0)]),
            skews=[random.choice([0.0, 30.0, -30.0, random.uniform(-3600, 3600)]) for _ in range(MOST_PROCESSES)],
            lives=[random.expovariate(1 / random.choice([0.1, 2.0, 20.0])) for _ in range(random.randint(0, _KILLS))],
            options={
                "concurrency": random.choice([None, 1, 3, 20]),
                "ordered": random.random() < 0.3,
                "if_unknown": random.choice(["match", "match", "raise"]),
                "timeout": more.choice([300.0, 300.0, 5.0, 1.0]),
                "if_new_version": more.choice(["raise", "continue"]),
            },
            honors_keys=random.random() < 0.5,
            reads_slowly=random.random() < 0.2,
            changes=[more.uniform(0, 60) for _ in range(more.choice([0, 0, 1, 2]))],
        )
