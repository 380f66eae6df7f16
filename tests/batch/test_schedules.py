"""Batches on simulated networks that fail, in simulated processes that are killed: the promises hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tools.simulation.schedule import Schedule, broken
from tests.tools.simulation.schedules import run

FOUND = {
    574: "a request without a response was sent again and then refused: its row ran twice",
    377: "a search that the rate limit did not admit was tried again without a wait",
    24: "a row took over the execution of a row in another journal, with the same inputs",
    2024: "a 503 with `Retry-After`, after the work was done, was taken for a refusal: a row ran twice",
    568: "a search took the execution of a row whose start had no response yet",
}


@pytest.mark.slow  # the nightly step `schedules` tries many more
def test_the_promises_hold() -> None:
    failures = {seed: faults for seed in range(5) if (faults := run(seed)[1])}
    assert not failures


@pytest.mark.parametrize("seed", FOUND)
def test_schedules_that_have_found_something(seed: int) -> None:
    assert not run(seed)[1]


@pytest.mark.slow
def test_a_seed_determines_everything() -> None:
    def trace(seed: int) -> list[tuple[object, ...]]:
        outcome, _ = run(seed)
        assert outcome is not None
        return [
            (each.begun, each.method, each.body, each.fate, each.status, each.handled) for each in outcome.exchanges
        ]

    assert trace(41) == trace(41)


def test_broken_promises_are_found() -> None:
    schedule = Schedule(5)
    kept = schedule.run()
    assert not broken(schedule, kept)
    results, executions = kept.results, kept.executions
    (first, ran), *others = executions.items()
    taken = {**results, 0: replace(results[0], execution=results[1].execution)}
    unknown = {**results, 0: replace(results[0], status="unknown")}
    refused = [replace(each, served=429) for each in kept.exchanges] * 10
    for outcome, fault in (
        (replace(kept, executions={first: [*ran, "exec_again"], **dict(others)}), "was run 2 times for 1 rows"),
        (replace(kept, results={row: result for row, result in results.items() if row}), "rows without a result: {0}"),
        (replace(kept, results=taken), "is the execution of 2 rows"),
        (replace(kept, results=unknown), "row 0 is unknown, and every request for it had its response"),
        (replace(kept, exchanges=refused), "beyond the window"),
    ):
        assert any(fault in found for found in broken(schedule, outcome)), fault
