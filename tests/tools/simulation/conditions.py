"""The conditions of a schedule: rows, plan, network, clocks and kills, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

MOST_PROCESSES = 12
"""In how many processes, one after the other, a batch may run."""

_KILLS = 3

Paging = Literal["by cursor", "by offset", "by offset, last change first"]
"""How the list of executions comes in pages: by offset, it shifts between two of them."""


@dataclass(frozen=True)
class Conditions:
    """What a seed determines, beside the order of events.

    Attributes:
        rows: The inputs of the rows, those of the first program and then those of a second; some are equal.
        first: How many of the rows are the first program's. The second one, if any, has a journal beside the first's.
        paging: How the list of executions comes in pages.
        is_overloaded: Whether some requests get a 503 with `Retry-After` after they were carried out.
        limit: Requests of a window.
        window: Seconds of a window.
        outsiders: Requests a minute of others with the same key.
        faults: How many of the requests fail.
        outage: When an outage begins, and when it ends.
        delay: The shortest and the longest delay of a response; requests take 2 s at most.
        skews: Seconds by which the clocks of the processes are ahead.
        lives: For each program, seconds after which its processes are killed; those after the last are not.
        options: The arguments of `run_many`.
        honors_keys: Whether the platform honors `Idempotency-Key`, and the client relies on that.
        reads_slowly: Whether the rows come from an async iterable.
        changes: When the workflow is changed.
    """

    rows: list[dict[str, Any]]
    first: int
    paging: Paging
    is_overloaded: bool
    limit: int
    window: float
    outsiders: float
    faults: float
    outage: tuple[float, float]
    delay: tuple[float, float]
    skews: list[float]
    lives: list[list[float]]
    options: dict[str, Any]
    honors_keys: bool
    reads_slowly: bool
    changes: list[float]

    @classmethod
    def drawn(cls, random: Random, others: Random, more: Random) -> Conditions:
        """Draw conditions.

        Args:
            random: The source of most.
            others: The source of those that a schedule may have in addition: equal inputs, a second program, paging.
            more: The source of rows that time out and of changes of the workflow.
        """
        has_twins = random.random() < 0.2
        longest = random.choice([0.0, 1.0, 20.0])
        count = random.randint(1, 12)
        rows = [{"seconds": round(random.uniform(0, longest), 3), "id": number} for number in range(count)]
        if has_twins:
            rows = [{**row, "seconds": longest, "id": number // 2} for number, row in enumerate(rows)]
        outage = random.choice([0.0, 0.0, random.uniform(0, 60)])
        begin = random.uniform(0, 10)
        if others.random() < 0.3:
            different = others.randint(1, 4)
            rows = [{"seconds": longest, "id": number % different} for number in range(len(rows))]
        first = len(rows)
        lives: list[list[float]] = []
        if others.random() < 0.4:
            rows = [*rows, *rows]
            lives = [_lives(others)]
        made = cls(
            rows=rows,
            first=first,
            paging=others.choice(["by cursor", "by cursor", "by offset", "by offset, last change first"]),
            is_overloaded=others.random() < 0.3,
            limit=random.choice([6, 12, 30, 300]),
            window=random.choice([10.0, 60.0]),
            outsiders=random.choice([0.0, 0.0, 0.0, 10.0]),
            faults=random.choice([0.0, 0.05, 0.3]),
            outage=(begin, begin + outage),
            delay=random.choice([(0.001, 0.02), (0.01, 2.0), (0.1, 40.0)]),
            skews=[random.choice([0.0, 30.0, -30.0, random.uniform(-3600, 3600)]) for _ in range(MOST_PROCESSES)],
            lives=[_lives(random), *lives],
            options={
                "concurrency": random.choice([None, 1, 3, 20]),
                "ordered": random.random() < 0.3,
                "timeout": more.choice([300.0, 300.0, 5.0, 1.0]),
                "if_new_version": more.choice(["raise", "continue"]),
            },
            honors_keys=random.random() < 0.5,
            reads_slowly=random.random() < 0.2,
            changes=[more.uniform(0, 60) for _ in range(more.choice([0, 0, 1, 2]))],
        )
        if len(made.lives) > 1:  # both need requests, and end in so many processes only if they get them
            made = replace(made, limit=max(made.limit, 30), outsiders=0.0)
        return made


def _lives(random: Random) -> list[float]:
    return [random.expovariate(1 / random.choice([0.1, 2.0, 20.0])) for _ in range(random.randint(0, _KILLS))]
