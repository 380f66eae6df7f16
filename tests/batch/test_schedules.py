"""Batches on simulated networks that fail, in simulated processes that are killed: the promises hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tools.simulation.schedule import Outcome, Schedule, broken
from tests.tools.simulation.schedules import run

FOUND = {
    574: "a request without a response was sent again and then refused: its row ran twice",
    1375: "the same",
    377: "a search that the rate limit did not admit was tried again without a wait",
    24: "a row took over the execution of a row in another journal, with the same inputs",
    2024: "a 503 with `Retry-After`, after the work was done, was taken for a refusal: a row ran twice",
    568: "a search took the execution of a row whose start had no response yet",
}


@pytest.mark.slow  # the nightly step `schedules` tries many more
def test_the_promises_hold() -> None:
    failures = {seed: faults for seed in range(20) if (faults := run(seed)[1])}
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

    for seed in range(40, 44):
        assert trace(seed) == trace(seed), seed


class TestBrokenPromisesAreFound:
    def outcome(self) -> tuple[Schedule, Outcome]:
        schedule = Schedule(5)
        outcome = schedule.run()
        assert len(outcome.results) > 1
        assert not broken(schedule, outcome)
        return schedule, outcome

    def test_a_row_that_ran_twice(self) -> None:
        schedule, outcome = self.outcome()
        next(iter(outcome.executions.values())).append("exec_again")
        assert "was run 2 times for 1 rows" in broken(schedule, outcome)[0]

    def test_a_row_without_a_result(self) -> None:
        schedule, outcome = self.outcome()
        del outcome.results[0]
        assert broken(schedule, outcome) == ["rows without a result: {0}"]

    def test_two_rows_with_one_execution(self) -> None:
        schedule, outcome = self.outcome()
        outcome.results[0] = replace(outcome.results[0], execution=outcome.results[1].execution)
        assert any("is the execution of 2 rows" in fault for fault in broken(schedule, outcome))

    def test_an_unknown_row_without_a_reason(self) -> None:
        schedule, outcome = self.outcome()
        outcome.results[0] = replace(outcome.results[0], status="unknown")
        assert "row 0 is unknown, and every request for it had its response" in broken(schedule, outcome)

    def test_requests_beyond_the_window(self) -> None:
        schedule, outcome = self.outcome()
        refused = [replace(each, served=429) for each in outcome.exchanges] * 10
        assert any("beyond the window" in fault for fault in broken(schedule, replace(outcome, exchanges=refused)))
