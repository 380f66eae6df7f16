"""Rows that are started again, and a workflow that is changed: what was started, and with which version."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fibonacci import JournalError, RunAttempt, RunResult, UnknownOutcomeError
from tests.batch.journals import JournalPlace
from tests.batch.limited_platform import EXECUTE, LimitedPlatform, platform
from tests.batch.workflows import GREETER, named
from tests.kit.mode import Mode

ROWS = named("Ada", "Bob", "Eve", "Joe")


class GreetingPlatform:
    """A platform with a workflow whose executions fail while it is broken, and else end at once."""

    def __init__(self, mode: Mode) -> None:
        self.here: LimitedPlatform = platform(mode)
        self.here.workflow = self.here.owner.workflows.create(name="greeter", definition=GREETER).id
        self.is_broken = False
        self.here.emulator.llm(self._answer)

    def runs(self, **options: Any) -> Any:
        return self.here.client.workflows.run_many(self.here.workflow, ROWS, ordered=True, **options)

    @contextmanager
    def broken(self) -> Generator[None]:
        self.is_broken = True
        yield
        self.is_broken = False

    def _answer(self, _: object) -> str:
        if self.is_broken:
            raise ValueError("the model is away")
        return "hello"


def shown(result: RunResult) -> list[tuple[bool, str, str | None]]:
    return [(each.execution_id is not None, each.status, each.version) for each in result.attempts]


class TestRetries:
    def test_failed_rows_are_started_again_and_every_start_is_kept(self, mode: Mode, place: JournalPlace) -> None:
        greeting = GreetingPlatform(mode)
        here, journal = greeting.here, place.location
        here.emulator.fail(EXECUTE, status=400)
        with greeting.broken():
            failed = here.run(greeting.runs(journal=journal, concurrency=1))
        assert [each.status for each in failed] == ["failed"] * 4
        restored = here.run(greeting.runs(journal=journal))
        assert [each.attempts for each in restored] == [each.attempts for each in failed], "unasked, nothing is started"
        assert here.count(EXECUTE) == 4
        runs = greeting.runs(journal=journal, retry_failed=True)
        again = here.run(runs)
        assert [shown(each) for each in again] == [
            [(False, "failed", None), (True, "completed", "1")],
            *[[(True, "failed", "1"), (True, "completed", "1")]] * 3,
        ]
        assert all(each.attempts[:1] == before.attempts for each, before in zip(again, failed, strict=True))
        assert str(runs.summary) == "4 succeeded, 0 failed, 0 unknown, 0 left (0 from the journal)"
        assert here.run(greeting.runs(journal=journal, retry_failed=True)) == again
        assert here.count(EXECUTE) == 8

    def test_a_start_of_unknown_outcome_is_kept_too(self, mode: Mode, place: JournalPlace) -> None:
        greeting = GreetingPlatform(mode)
        here, options = greeting.here, {"journal": place.location, "retry_failed": True}
        with greeting.broken():
            here.run(greeting.runs(**options))
        here.emulator.fail(EXECUTE, status=502)
        with pytest.raises(UnknownOutcomeError) as caught:
            here.run(greeting.runs(**options, concurrency=1))
        (unknown,) = caught.value.results
        expected = [(True, "failed", "1"), (False, "unknown", None)]
        assert shown(unknown) == expected
        again = here.run(greeting.runs(**options, if_unknown="rerun"))
        assert [shown(each) for each in again] == [
            [*expected, (True, "completed", "1")],
            *[[(True, "failed", "1"), (True, "completed", "1")]] * 3,
        ]

    def test_without_a_journal_there_is_no_row_that_has_failed(self, any_client: Any) -> None:
        with pytest.raises(ValueError, match="retry_failed runs the rows that failed in an earlier call: pass the"):
            any_client.workflows.run_many("wf-1", ROWS, retry_failed=True)


class TestNewVersions:
    def test_a_journal_that_was_continued_belongs_to_the_new_version(self, mode: Mode, place: JournalPlace) -> None:
        greeting = GreetingPlatform(mode)
        here, options = greeting.here, {"journal": place.location}
        here.run(greeting.runs(**options, max_rows=2))
        here.owner.workflows.update(here.workflow, description="changed")
        with pytest.raises(JournalError, match=r'has rows of version 1 .* version 2: .* if_new_version="continue" to'):
            here.run(greeting.runs(**options))
        here.run(greeting.runs(**options, if_new_version="continue", max_rows=1))
        results = here.run(greeting.runs(**options))
        assert [[each.version for each in result.attempts] for result in results] == [["1"], ["1"], ["2"], ["2"]]

    def test_a_change_that_executions_tell(self, mode: Mode, place: JournalPlace) -> None:
        here = platform(mode, time="manual")
        options = {"journal": place.location, "concurrency": 1, "ordered": True}

        def change(result: RunResult) -> None:
            if result.index == 1:
                here.owner.workflows.update(here.workflow, description="changed")

        with pytest.raises(JournalError, match="was changed from version 1 to 2 while its rows ran") as caught:
            mode.each(here.runs([3.0] * 5, **options), change)
        assert caught.value.path
        assert here.count(EXECUTE) in (3, 4), "the third row may have been on its way"
        assert here.count("GET /workflows/{workflow_id}") == 1
        with pytest.raises(JournalError, match="has rows of version 1"):
            here.run(here.runs([3.0] * 5, **options))
        results: list[RunResult] = []
        runs = here.runs([3.0] * 5, if_new_version="continue", **options)
        mode.each(runs, results.append, change)
        told = {each.id: str((each.model_extra or {})["workflow_version"]) for each in here.owner.executions.list()}
        attempts = [attempt for result in results for attempt in result.attempts]
        assert {each.execution_id: each.version for each in attempts} == told
        assert (attempts[0].version, attempts[-1].version, len(attempts)) == ("1", "3", 5)
        assert len(here.run(here.runs([3.0] * 5, **options))) == 5, "it belongs to version 3 now"

    @pytest.mark.parametrize("policy", ["raise", "continue"])
    def test_a_change_that_executions_do_not_tell_is_noticed_within_a_minute(self, mode: Mode, policy: str) -> None:
        greeting = GreetingPlatform(mode)  # whose executions have ended when they are first seen
        here, attempts = greeting.here, list[RunAttempt]()

        def work(result: RunResult) -> None:
            attempts.extend(result.attempts)
            here.clock.sleep(40)
            if result.index == 2:
                here.owner.workflows.update(here.workflow, description="changed")

        rows = named(*range(12))  # several more than it takes to notice, as the reading is not waited for
        runs = here.client.workflows.run_many(here.workflow, rows, concurrency=1, if_new_version=policy)
        if policy == "raise":
            with pytest.raises(JournalError, match="was changed from version 1 to 2 while its rows ran"):
                mode.each(runs, work)
        else:
            mode.each(runs, work)
            assert [each.version for each in attempts][-3:] == ["2"] * 3
        assert [each.version for each in attempts][:3] == ["1"] * 3
        assert len(attempts) == 12 if policy == "continue" else 4 <= len(attempts) <= 8
        assert here.count("GET /workflows/{workflow_id}") <= 9


class TestBeforeTheFirstRow:
    def test_an_estimate_says_what_is_wrong(self, mode: Mode, tmp_path: Path) -> None:
        here = platform(mode)
        rows, path = [{"id": 1, "seconds": 0}, {"id": 2, "seconds": 0}], tmp_path / "runs.db"

        def estimate(rows: Any = rows, **options: Any) -> Any:
            named_options = {"key": "id", "journal": path, **options}
            return mode.run(here.client.workflows.run_many(here.workflow, rows, **named_options).estimate())

        assert estimate().rows == 2
        assert estimate(max_rows=1).rows == 1
        assert not path.exists()
        with pytest.raises(ValueError, match="rows 0 and 2 have the same key 1:"):
            estimate([*rows, rows[0]])
        with pytest.raises(ValueError, match=r"row 0 does not fit the workflow's inputs.*Did you mean 'seconds'"):
            estimate([{"id": 1, "secnds": 0}])
        with pytest.raises(JournalError, match=r"no/such/folder/runs\.db cannot be opened"):
            estimate(journal="no/such/folder/runs.db")
        here.run(here.client.workflows.run_many(here.workflow, rows, key="id", journal=path))
        with pytest.raises(JournalError, match="takes its keys from column id, not from index"):
            estimate(key=None)
        assert estimate().rows == 2

    def test_an_estimate_knows_how_long_the_last_runs_took(self, mode: Mode) -> None:
        here = platform(mode, "pro")
        estimate = mode.run(here.runs([0.0] * 10, concurrency=2).estimate())
        assert "2 runs at a time" not in estimate.hours_by_limit
        here.run(here.runs([60.0] * 3))
        estimate = mode.run(here.runs([0.0] * 10, concurrency=2).estimate())
        assert estimate.hours_by_limit["2 runs at a time"] * 3600 == pytest.approx(10 / 2 * 60, rel=0.1)
