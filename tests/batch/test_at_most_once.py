"""A row is started at most once, and what is not known is said: within a run, and from one run to the next."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest

from fibonacci import (
    APIError,
    ExecutionFailedError,
    JournalError,
    RunResult,
    UnknownOutcomeError,
    read_journal,
)
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.rows import Row
from fibonacci._batch.sql_journal import SQLJournal
from fibonacci._core.request import canonical
from fibonacci.emulator import Emulator
from tests.batch.journals import JournalPlace, ended
from tests.batch.limited_platform import platform
from tests.batch.shared_clock import SharedClock
from tests.batch.workflows import client_in_process
from tests.emulator.handling import wait_until
from tests.kit.mode import Mode
from tests.kit.systems import needs_fork
from tests.tools.batch import kills

EXECUTE = "POST /workflows/{workflow_id}/execute"
ROWS = [{"id": number, "seconds": 0} for number in range(6)]


class RepeatedBatch:
    """A batch that is run again and again.

    Args:
        mode: The mode of the client.
        emulator: The platform.
        workflow: The id of the workflow.
        place: Where the journal is.
    """

    def __init__(self, mode: Mode, emulator: Emulator, workflow: str, place: JournalPlace) -> None:
        self.mode = mode
        self.emulator = emulator
        self.workflow = workflow
        self.place = place

    def runs(self, *, idempotency: Literal["server"] | None = None, rows: Any = None, **options: Any) -> Any:
        given = {"idempotency": idempotency, "max_retries": 0, "clock": SharedClock(self.emulator)}
        client = client_in_process(self.mode, self.emulator, **given)
        named = {"key": "id", "journal": self.place.location, **options}
        return client.workflows.run_many(self.workflow, ROWS if rows is None else rows, **named)

    def run(self, runs: Any, body: Callable[[RunResult], object] = lambda _: None) -> dict[str | int, RunResult]:
        """Loop over rows, and return their results by key."""
        found: dict[str | int, RunResult] = {}

        self.mode.each(runs, lambda result: found.update({result.key: result}), body)
        return found

    def left_by_a_killed_run(
        self,
        *rows: dict[str, Any],
        ago: float = 1.0,
        send: bool = True,
        is_recorded: bool = False,
        keys: Iterable[str] | None = None,
    ) -> list[str]:
        """Leave rows with an intent, as a killed process does.

        Args:
            rows: The rows.
            ago: Seconds since the intent.
            send: Whether the requests were sent, and carried out.
            is_recorded: Whether the journal has the ids of the executions.
            keys: Their keys; None for their ids.

        Returns:
            The ids of the executions; of those that were not started, one that no execution has.
        """
        named = zip(keys or [str(inputs["id"]) for inputs in rows], rows, strict=True)
        made = [Row(number, key, inputs, canonical(inputs)) for number, (key, inputs) in enumerate(named)]
        for row in made:
            row.intend(time.time() - ago)
        with closing(self.opened()) as journal:
            journal.write(made)
            if send:
                with self.emulator.client() as client:
                    execute = client.workflows.execute
                    for row in made:
                        sent = execute(self.workflow, inputs=row.inputs, idempotency_key=row.idempotency_key)
                        row.execution_id = sent.id
            ids = [row.execution_id or "exec_gone" for row in made]
            if is_recorded:
                for row, execution_id in zip(made, ids, strict=True):
                    row.execution_id = execution_id
                journal.write(made)
        return ids

    def opened(self) -> SQLJournal:
        """Open the journal, which a run that was left has until its last request has ended."""
        ends = time.monotonic() + 30
        while True:
            try:
                return self.place.open(JournalHeader(self.workflow, "1", "column id"))
            except JournalError as error:
                if "another run" not in str(error) or time.monotonic() > ends:
                    raise
            time.sleep(0.01)

    def counts(self) -> dict[int, int]:
        """Return how many executions the rows have, as the emulator has recorded them."""
        with self.emulator.client() as client:
            found = client.executions.list(workflow_id=self.workflow, page_size=200)
            return Counter(client.executions.get(each.id).model_dump()["inputs"]["id"] for each in found)


@pytest.fixture
def setting(mode: Mode, emulator: Emulator, rester: str, place: JournalPlace) -> RepeatedBatch:
    return RepeatedBatch(mode, emulator, rester, place)


def same(_: object) -> dict[str, int]:
    return {"id": 0, "seconds": 0}


ONCE = dict.fromkeys(range(6), 1)


class TestWithinARun:
    def test_requests_that_were_never_carried_out_are_unknown(self, setting: RepeatedBatch) -> None:
        setting.emulator.fail(EXECUTE, kind="status", status=502, times=2)
        runs = setting.runs()
        seen: list[RunResult] = []
        with pytest.raises(UnknownOutcomeError, match="the outcome of 2 of the rows is unknown") as caught:
            setting.mode.each(runs, seen.append)
        assert Counter(result.status for result in seen) == {"completed": 4, "unknown": 2}
        assert caught.value.results == seen[4:], "when all others have ended"
        assert all(
            isinstance(result.error, APIError) and result.error.outcome_unknown for result in caught.value.results
        )
        assert str(runs.summary) == "4 succeeded, 0 failed, 2 unknown, 0 left (0 from the journal)"
        unknown = {int(result.key) for result in caught.value.results}
        assert setting.counts() == {number: 1 for number in range(6) if number not in unknown}

    def test_the_same_key_is_sent_again_where_the_server_honors_it(self, setting: RepeatedBatch) -> None:
        setting.emulator.fail(EXECUTE, kind="status", status=502, times=2)
        setting.emulator.fail(EXECUTE, kind="no_reply", times=2)
        results = setting.run(setting.runs(idempotency="server"))
        assert all(result.succeeded for result in results.values())
        assert setting.counts() == ONCE

    def test_unknown_rows_are_started_again_when_the_user_says_so(self, setting: RepeatedBatch) -> None:
        setting.emulator.fail(EXECUTE, kind="status", status=502, times=2)
        results = setting.run(setting.runs(if_unknown="rerun"))
        assert Counter(result.status for result in results.values()) == {"completed": 6}
        assert setting.counts() == ONCE

    @pytest.mark.slow
    def test_ids_are_in_the_journal_while_the_body_of_the_loop_works(self, setting: RepeatedBatch) -> None:
        """Rows are not watched then, but no id of an execution that was started may be lost by a kill."""
        rows = [{"id": number, "seconds": 0 if number == 0 else 0.8} for number in range(8)]
        known: list[int] = []

        def work(result: RunResult) -> None:
            wait_until(lambda: len(setting.counts()) == 8)
            time.sleep(0.3)
            with read_journal(setting.place.location) as journal:
                known.append(sum(row.attempts[-1].execution_id is not None for row in journal.rows()))

        if setting.mode.is_async:  # a loop whose body awaits something else

            async def body(result: RunResult) -> None:
                await asyncio.to_thread(work, result)

            setting.run(setting.runs(rows=rows), body)
        else:
            setting.run(setting.runs(rows=rows), work)
        assert known[0] == 8

    def test_ordered_results_do_not_wait_for_unknown_ones_for_ever(self, setting: RepeatedBatch) -> None:
        setting.emulator.fail(EXECUTE, kind="status", status=502, times=1)
        seen: list[int] = []
        with pytest.raises(UnknownOutcomeError):
            setting.mode.each(setting.runs(ordered=True), lambda result: seen.append(result.index))
        assert seen == [*range(6)]


class TestFromRunToRun:
    def test_rows_that_have_ended_are_not_run_again(self, setting: RepeatedBatch) -> None:
        first = setting.run(setting.runs())
        setting.emulator.requests.clear()
        runs = setting.runs()
        assert setting.run(runs) == first
        assert str(runs.summary) == "6 succeeded, 0 failed, 0 unknown, 0 left (6 from the journal)"
        assert setting.emulator.requests.to(EXECUTE).count == 0

    def test_more_results_than_are_restored_at_once(
        self, setting: RepeatedBatch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fibonacci._async.batch.runner._RESTORED_AT_ONCE", 8)
        rows = [{"id": number, "seconds": 0} for number in range(20)]
        made = [Row(number, str(number), each, canonical(each)) for number, each in enumerate(rows)]
        with closing(setting.opened()) as journal:
            journal.write([ended(each) for each in made])
        runs = setting.runs(rows=[*rows, {"id": 20, "seconds": 0}])
        assert len(setting.run(runs)) == 21
        assert setting.counts() == {20: 1}

    def test_failed_rows_and_their_errors_too(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": -1}, {"id": 1}]
        first = setting.run(setting.runs(rows=rows))
        again = setting.run(setting.runs(rows=rows))
        for key, result in first.items():
            assert type(again[key].error) is type(result.error) is ExecutionFailedError
            assert str(again[key].error) == str(result.error)
        assert setting.counts() == {0: 1, 1: 1}

    def test_a_row_with_an_id_is_waited_for(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": 1.0}]
        (execution_id,) = setting.left_by_a_killed_run(*rows, is_recorded=True)
        (result,) = setting.run(setting.runs(rows=rows)).values()
        assert result.execution is not None
        assert (result.execution.id, result.status) == (execution_id, "completed")
        assert setting.counts() == {0: 1}

    def test_a_row_whose_execution_is_not_found_is_unknown_and_never_run_again(self, setting: RepeatedBatch) -> None:
        setting.left_by_a_killed_run({"id": 0, "seconds": 1.0}, send=False, is_recorded=True)
        options: Any = {"rows": [{"id": 0, "seconds": 1.0}], "timeout": 20.0, "retry_failed": True}
        for _ in range(2):
            with pytest.raises(UnknownOutcomeError, match="the outcome of 1 of the rows is unknown: 0") as caught:
                setting.run(setting.runs(**options))
            (result,) = caught.value.results
            assert (result.status, type(result.error).__name__) == ("unknown", "WaitTimeoutError")
        assert setting.counts() == {}
        with read_journal(setting.place.location) as journal:
            assert (journal.summary.unknown, [each.key for each in journal.rows("unknown")]) == (1, [0])
            journal.settle(0, not_started=True)
            assert journal.summary.unknown == 0
        (result,) = setting.run(setting.runs(**options)).values()
        assert [each.status for each in result.attempts] == ["not_started", "completed"]

    @pytest.mark.parametrize("sent", [True, False])
    def test_the_same_key_decides_where_the_server_honors_it(self, setting: RepeatedBatch, sent: bool) -> None:
        rows = [{"seconds": 0, "id": 0}, {"id": 1, "seconds": 0}]  # keys in another order than before
        ids = setting.left_by_a_killed_run({"id": 0, "seconds": 0}, {"id": 1, "seconds": 0}, send=sent)
        results = setting.run(setting.runs(idempotency="server", rows=rows))
        found = [results[key].execution for key in (0, 1)]
        assert not sent or [execution and execution.id for execution in found] == ids
        assert setting.counts() == {0: 1, 1: 1}

    def test_the_id_of_a_row_that_is_sent_again_is_recorded_although_the_loop_is_left(
        self, setting: RepeatedBatch
    ) -> None:
        rows = [{"id": 0, "seconds": 60}, {"id": 1, "seconds": 0}]
        ids = setting.left_by_a_killed_run(rows[0])

        def leave(_: RunResult) -> None:
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            setting.run(setting.runs(idempotency="server", rows=rows), leave)
        with closing(setting.opened()) as journal:
            entry = journal.entry("0")
        assert entry is not None
        assert [entry.execution_id] == ids

    def test_a_key_of_yesterday_is_not_sent_again(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": 0}]
        setting.left_by_a_killed_run(*rows, ago=86_000, send=False)
        with pytest.raises(UnknownOutcomeError):
            setting.run(setting.runs(idempotency="server", rows=rows))
        assert setting.counts() == {}

    def test_the_same_key_with_other_inputs(self, setting: RepeatedBatch) -> None:
        setting.run(setting.runs(rows=[{"id": 7, "seconds": 0}]))
        with pytest.raises(ValueError, match=r"row 0 has the key 7.* other inputs \('seconds'\)"):
            setting.run(setting.runs(rows=[{"id": 7, "seconds": 1}]))
        assert setting.counts() == {7: 1}

    def test_rows_may_come_in_another_order_and_more_may_come(self, setting: RepeatedBatch) -> None:
        setting.run(setting.runs(rows=ROWS[:3]))
        runs = setting.runs(rows=ROWS[::-1])
        results = setting.run(runs)
        assert {key: result.index for key, result in results.items()} == {5 - index: index for index in range(6)}
        assert runs.summary.from_journal == 3
        assert setting.counts() == ONCE

    def test_a_row_that_had_no_json_form_is_tried_again(self, setting: RepeatedBatch) -> None:
        assert setting.run(setting.runs(rows=[{"id": 1, "seconds": {0}}]))[1].status == "failed"
        assert setting.run(setting.runs(rows=[{"id": 1, "seconds": 0}]))[1].succeeded
        assert setting.run(setting.runs(rows=[{"id": 1, "seconds": 0}]))[1].succeeded
        assert setting.counts() == {1: 1}

    def test_the_journal_holds_no_key(self, setting: RepeatedBatch) -> None:
        setting.run(setting.runs())
        content = setting.place.content()
        assert b"exec_" in content
        assert setting.emulator.api_key.encode() not in content


class TestRowsOfUnknownOutcome:
    def test_executions_that_may_be_theirs_are_listed_and_none_is_taken_over(self, setting: RepeatedBatch) -> None:
        """One with the same inputs may be the execution of another program."""
        rows = [{"id": number, "seconds": 0} for number in range(3)]
        with setting.emulator.client() as client:
            client.workflows.execute(setting.workflow, inputs=rows[0])
            setting.emulator.clock.advance(20)
            ids = setting.left_by_a_killed_run(*rows[:2], ago=-15)
            setting.left_by_a_killed_run(rows[2], ago=-15, send=False)
            another = client.workflows.execute(setting.workflow, inputs=rows[0]).id
        with pytest.raises(UnknownOutcomeError, match=r"settle each with read_journal\(.*if_unknown=") as caught:
            setting.run(setting.runs(rows=rows))
        expected = [[ids[0], another], [ids[1]], []]
        assert [[each.id for each in result.candidates] for result in caught.value.results] == expected
        assert [result.execution for result in caught.value.results] == [None] * 3
        lines = caught.value.__notes__[0].splitlines()
        assert [re.findall("exec_[0-9a-f]+", line) for line in lines] == expected[:2]
        with read_journal(setting.place.location) as journal:
            listed = {result.key: result.candidates for result in journal.rows("unknown")}
        assert [[each.id for each in listed[key]] for key in range(3)] == expected
        assert {each.status for each in listed[0]} == {"completed"}
        assert setting.counts() == {0: 3, 1: 1}

    def test_a_list_that_cannot_be_read_leaves_them_without(
        self, setting: RepeatedBatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        setting.left_by_a_killed_run({"id": 0, "seconds": 0})
        setting.emulator.fail("GET /executions", status=500, times=None)
        with pytest.raises(UnknownOutcomeError) as caught:
            setting.run(setting.runs(rows=[{"id": 0, "seconds": 0}]))
        assert [result.candidates for result in caught.value.results] == [()]
        assert "the executions cannot be listed, so rows of unknown outcome have no candidates" in caplog.text

    def test_a_row_whose_execution_is_named_is_waited_for(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": 0.5}]
        (execution_id,) = setting.left_by_a_killed_run(*rows)
        with read_journal(setting.place.location) as journal:
            settled = journal.settle(0, execution_id=execution_id)
            assert [settled] == list(journal.rows("running"))
        (result,) = setting.run(setting.runs(rows=rows)).values()
        assert (result.execution and result.execution.id, result.status) == (execution_id, "completed")
        assert [each.settled_at for each in result.attempts] == [each.settled_at for each in settled.attempts]
        assert settled.attempts[0].settled_at is not None
        assert setting.run(setting.runs(rows=rows)) == {0: result}, "as the journal has it"
        assert setting.counts() == {0: 1}

    def test_one_that_was_not_started_is_started_by_the_next_call(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": 0}]
        setting.left_by_a_killed_run(*rows, send=False)
        with read_journal(setting.place.location) as journal:
            assert journal.settle("0", not_started=True).status == "pending"
        (result,) = setting.run(setting.runs(rows=rows)).values()
        assert [(each.status, each.settled_at is None) for each in result.attempts] == [
            ("not_started", False),
            ("completed", True),
        ]
        assert setting.run(setting.runs(rows=rows)) == {0: result}
        assert setting.counts() == {0: 1}

    def test_one_that_has_failed_is_started_when_failed_ones_are(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": 0}]
        setting.left_by_a_killed_run(*rows, send=False)
        with read_journal(setting.place.location) as journal:
            settled = journal.settle(0, failed=True)
        assert setting.run(setting.runs(rows=rows))[0].attempts == settled.attempts
        assert str(settled.error).startswith("settled as failed")
        (result,) = setting.run(setting.runs(rows=rows, retry_failed=True)).values()
        assert [each.status for each in result.attempts] == ["failed", "completed"]
        assert setting.counts() == {0: 1}

    def test_what_cannot_be_settled(self, setting: RepeatedBatch) -> None:
        rows = [{"id": number, "seconds": 0} for number in range(2)]
        (other,) = setting.left_by_a_killed_run(rows[0], is_recorded=True)
        setting.left_by_a_killed_run(rows[1])
        refused: list[tuple[int, dict[str, Any], str]] = [
            (0, {"failed": True}, "has the row 0 as running: only rows of unknown outcome can be settled"),
            (7, {"failed": True}, "has no row with the key 7"),
            (1, {"execution_id": other}, f"has the execution {other} as that of the row 0"),
        ]
        mistaken: list[dict[str, Any]] = [{}, {"failed": True, "not_started": True}, {"execution_id": ""}]
        with read_journal(setting.place.location) as journal:
            for key, outcome, text in refused:
                with pytest.raises(JournalError, match=text):
                    journal.settle(key, **outcome)
            with closing(setting.opened()), pytest.raises(JournalError, match="is used by another run"):
                journal.settle(1, failed=True)
            for wrong in mistaken:
                with pytest.raises(ValueError, match=r"settle takes exactly one of|execution_id"):
                    journal.settle(1, **wrong)
            assert [result.key for result in journal.rows("unknown")] == [1], "it is as it was"


def test_one_execution_for_two_rows_ends_the_run_and_both_are_named(mode: Mode, tmp_path: Path) -> None:
    here = platform(mode, time="manual")
    twice = here.owner.workflows.execute(here.workflow, inputs={"seconds": 5.0}).id
    here.emulator.fail(EXECUTE, status=200, body={"execution_id": twice, "status": "running"}, times=2)
    options = {"journal": tmp_path / "runs.db", "concurrency": 1, "timeout": 60}
    seen: list[RunResult] = []
    runs = here.runs([5.0] * 9, **{**options, "concurrency": 2})
    with pytest.raises(APIError, match=rf"gave one execution, {twice}, to two rows: (0 and 1|1 and 0)"):
        mode.each(runs, seen.append)
    assert [each.status for each in seen] == ["completed", "unknown"]
    assert str(runs.summary) == "1 succeeded, 0 failed, 1 unknown, 7 left (0 from the journal)"
    with read_journal(tmp_path / "runs.db") as journal:
        journal.settle(seen[1].key, not_started=True)
    assert [each.status for each in here.run(here.runs([5.0] * 9, **options))] == ["completed"] * 9


@pytest.mark.slow
@needs_fork
@pytest.mark.parametrize("idempotency", [None, "server"])
def test_kills_at_random_moments(idempotency: Literal["server"] | None) -> None:
    """Each night, the step `kills` kills 200 times."""
    seed = int.from_bytes(os.urandom(4), "big")
    report = kills.run(4, seed, idempotency=idempotency)
    assert report.holds, report


@pytest.fixture(autouse=True)
def default_signals() -> Iterator[None]:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
