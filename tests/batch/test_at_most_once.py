"""A row is started at most once, and what is not known is said: within a run, and from one run to the next."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest

from fibonacci import (
    APIConnectionError,
    APIError,
    ExecutionFailedError,
    JournalError,
    RunResult,
    UnknownOutcomeError,
)
from fibonacci._batch.journal import Journal
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.redis_records import IDS, keys_of
from fibonacci._batch.rows import Row
from fibonacci._core.request import canonical
from fibonacci.emulator import Emulator
from tests.batch.journals import KINDS, JournalPlace, completed, opened
from tests.batch.platform import Address, served_emulator
from tests.batch.shared_clock import SharedClock
from tests.batch.workflows import client_in_process
from tests.emulator.handling import wait_until
from tests.kit.mode import Mode
from tests.kit.redis import RedisServer
from tests.kit.systems import needs_fork
from tests.tools.batch import kills, redis_destroyer

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

    def run(self, runs: Any) -> dict[str | int, RunResult]:
        found: dict[str | int, RunResult] = {}
        self.mode.each(runs, lambda result: found.update({result.key: result}))
        return found

    def left_by_a_killed_run(
        self,
        *rows: dict[str, Any],
        ago: float = 1.0,
        send: bool = True,
        is_recorded: bool = False,
        keys: Iterable[str] | None = None,
        location: str | None = None,
    ) -> list[str]:
        """Leave rows with an intent, as a killed process does.

        Args:
            rows: The rows.
            ago: Seconds since the intent.
            send: Whether the requests were sent, and carried out.
            is_recorded: Whether the journal has the ids of the executions.
            keys: Their keys; None for their ids.
            location: Where the journal is; None for the batch's own.

        Returns:
            The ids of the executions; of those that were not started, one that no execution has.
        """
        named = zip(keys or [str(inputs["id"]) for inputs in rows], rows, strict=True)
        made = [Row(number, key, inputs, canonical(inputs)) for number, (key, inputs) in enumerate(named)]
        for row in made:
            row.intend(time.time() - ago)
        with closing(self.opened(location)) as journal:
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
                journal.write(started=made)
        return ids

    def opened(self, location: str | None = None) -> Journal:
        """Open the journal, which a run that was left has until its last request has ended."""
        ends = time.monotonic() + 30
        while True:
            try:
                return opened(location or self.place.location, JournalHeader(self.workflow, "1", "column id"))
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
BOTH = pytest.mark.parametrize("place", KINDS, indirect=True)  # where the kinds of journals differ


class TestWithinARun:
    def test_executions_whose_responses_were_lost_are_found_when_the_user_says_so(self, setting: RepeatedBatch) -> None:
        setting.emulator.fail(EXECUTE, kind="no_reply", times=3)
        runs = setting.runs(if_unknown="match")
        results = setting.run(runs)
        assert all(result.succeeded for result in results.values())
        assert len(results) == 6
        assert setting.counts() == ONCE

    def test_requests_that_were_never_carried_out_are_unknown(self, setting: RepeatedBatch) -> None:
        setting.emulator.fail(EXECUTE, kind="status", status=502, times=2)
        runs = setting.runs()
        seen: list[RunResult] = []
        with pytest.raises(UnknownOutcomeError, match="whether 2 of the rows were started") as caught:
            setting.mode.each(runs, seen.append)
        assert len(seen) == 4
        assert {result.status for result in caught.value.results} == {"unknown"}
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

    @pytest.mark.parametrize("if_unknown", ["skip", "rerun"])
    def test_unknown_rows_as_the_user_says(self, setting: RepeatedBatch, if_unknown: str) -> None:
        setting.emulator.fail(EXECUTE, kind="status", status=502, times=2)
        runs = setting.runs(if_unknown=if_unknown)
        results = setting.run(runs)
        statuses = Counter(result.status for result in results.values())
        if if_unknown == "skip":
            assert statuses == {"completed": 4, "unknown": 2}
            assert sum(setting.counts().values()) == 4
            again = setting.run(setting.runs(if_unknown="rerun"))
            assert Counter(result.status for result in again.values()) == {"completed": 6}
        else:
            assert statuses == {"completed": 6}
        assert setting.counts() == ONCE

    @pytest.mark.slow
    def test_ids_are_in_the_journal_while_the_body_of_the_loop_works(self, setting: RepeatedBatch) -> None:
        """Rows are not watched then, but no id of an execution that was started may be lost by a kill."""
        rows = [{"id": number, "seconds": 0 if number == 0 else 0.8} for number in range(8)]
        known: list[int] = []

        def work(result: RunResult) -> None:
            wait_until(lambda: len(setting.counts()) == 8)
            time.sleep(0.3)
            connection = sqlite3.connect(setting.place.location)
            query = "SELECT count(*) FROM rows WHERE execution_id IS NOT NULL"
            known.append(connection.execute(query).fetchone()[0])
            connection.close()

        if setting.mode.is_async:  # a loop whose body awaits something else

            async def body(result: RunResult) -> None:
                await asyncio.to_thread(work, result)

            setting.run(setting.runs(rows=rows, on_result=body))
        else:
            setting.run(setting.runs(rows=rows, on_result=work))
        assert known[0] == 8

    def test_without_a_journal_too(self, setting: RepeatedBatch) -> None:
        setting.emulator.fail(EXECUTE, kind="no_reply", times=3)
        results = setting.run(setting.runs(journal=None, if_unknown="match"))
        assert all(result.succeeded for result in results.values())
        assert setting.counts() == ONCE

    def test_ordered_results_do_not_wait_for_unknown_ones_for_ever(self, setting: RepeatedBatch) -> None:
        setting.emulator.fail(EXECUTE, kind="status", status=502, times=1)
        seen: list[int] = []
        with pytest.raises(UnknownOutcomeError):
            setting.mode.each(setting.runs(ordered=True), lambda result: seen.append(result.index))
        assert seen == sorted(seen)
        assert len(seen) == 5


class TestFromRunToRun:
    @BOTH
    def test_rows_that_have_ended_are_not_run_again(self, setting: RepeatedBatch) -> None:
        first = setting.run(setting.runs())
        setting.emulator.requests.clear()
        runs = setting.runs()
        assert setting.run(runs) == first
        assert str(runs.summary) == "6 succeeded, 0 failed, 0 unknown, 0 left (6 from the journal)"
        assert setting.emulator.requests.to(EXECUTE).count == 0

    @BOTH
    def test_more_results_than_are_restored_at_once(
        self, setting: RepeatedBatch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fibonacci._async.batch.runner._RESTORED_AT_ONCE", 8)
        rows = [{"id": number, "seconds": 0} for number in range(20)]
        made = [Row(number, str(number), each, canonical(each)) for number, each in enumerate(rows)]
        results = [completed(row) for row in made]
        with closing(setting.opened()) as journal:
            journal.write(finished=list(zip(made, results, strict=True)))
        runs = setting.runs(rows=[*rows, {"id": 20, "seconds": 0}])
        assert len(setting.run(runs)) == 21
        assert setting.counts() == {20: 1}

    @BOTH
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
        for _ in range(2):
            runs = setting.runs(rows=[{"id": 0, "seconds": 1.0}], timeout=20.0, retry_failed=True)
            (result,) = setting.run(runs).values()
            assert (result.status, type(result.error).__name__) == ("unknown", "WaitTimeoutError")
        assert setting.counts() == {}

    @BOTH
    @pytest.mark.parametrize("sent", [True, False])
    def test_the_same_key_decides_where_the_server_honors_it(self, setting: RepeatedBatch, sent: bool) -> None:
        rows = [{"seconds": 0, "id": 0}, {"id": 1, "seconds": 0}]  # keys in another order than before
        ids = setting.left_by_a_killed_run({"id": 0, "seconds": 0}, {"id": 1, "seconds": 0}, send=sent)
        results = setting.run(setting.runs(idempotency="server", rows=rows))
        found = [results[key].execution for key in (0, 1)]
        assert not sent or [execution and execution.id for execution in found] == ids
        assert setting.counts() == {0: 1, 1: 1}

    @BOTH
    def test_the_id_of_a_row_that_is_sent_again_is_recorded_although_the_loop_is_left(
        self, setting: RepeatedBatch
    ) -> None:
        rows = [{"id": 0, "seconds": 60}, {"id": 1, "seconds": 0}]
        ids = setting.left_by_a_killed_run(rows[0])

        def leave(_: RunResult) -> None:
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            setting.run(setting.runs(idempotency="server", rows=rows, on_result=leave))
        with closing(setting.opened()) as journal:
            entry, _ = journal.find("0", is_unique=False)
        assert entry is not None
        assert [entry.execution_id] == ids

    def test_a_key_of_yesterday_is_not_sent_again(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": 0}]
        setting.left_by_a_killed_run(*rows, ago=86_000, send=False)
        with pytest.raises(UnknownOutcomeError):
            setting.run(setting.runs(idempotency="server", rows=rows))
        assert setting.counts() == {}

    def test_no_execution_is_taken_over_unasked(self, setting: RepeatedBatch, caplog: pytest.LogCaptureFixture) -> None:
        """One with the same inputs may be the execution of another program."""
        rows = [{"id": 0, "seconds": 0}]
        (execution_id,) = setting.left_by_a_killed_run(*rows)
        with pytest.raises(UnknownOutcomeError, match='if_unknown="match" to take over') as caught:
            setting.run(setting.runs(rows=rows))
        assert [result.execution for result in caught.value.results] == [None]
        assert re.findall('if_unknown="(.*)" (?:takes over|starts (?:none|all)) ', caught.value.__notes__[0]) == [
            *("match", "skip", "rerun")
        ]
        word = Enum("word", {"SKIP": "skip"}, type=str)
        for skip in ("skip", word.SKIP):
            (skipped,) = setting.run(setting.runs(rows=rows, if_unknown=skip)).values()
            assert (skipped.status, skipped.execution) == ("unknown", None)
        told = (
            f"row 0: its execution is assumed to be {execution_id}, which has the same inputs and belongs to no other"
            " row"
        )
        assert told not in caplog.messages
        (found,) = setting.run(setting.runs(rows=rows, if_unknown="match")).values()
        assert found.execution is not None
        assert found.execution.id == execution_id
        assert told in caplog.messages
        assert setting.counts() == {0: 1}

    def test_the_one_execution_that_fits_is_taken_over_when_the_user_says_so(self, setting: RepeatedBatch) -> None:
        rows = [{"id": number, "seconds": 0.2} for number in range(3)]
        ids = setting.left_by_a_killed_run(*rows)
        results = setting.run(setting.runs(rows=rows, if_unknown="match"))
        assert [result.execution and result.execution.id for _, result in sorted(results.items())] == ids
        assert setting.counts() == {0: 1, 1: 1, 2: 1}

    def test_inputs_that_the_list_leaves_out_are_read(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": 0, "text": "x" * 70_000}]
        ids = setting.left_by_a_killed_run(*rows)
        (result,) = setting.run(setting.runs(rows=rows, if_unknown="match")).values()
        assert [result.execution and result.execution.id] == ids

    def test_an_execution_that_was_removed_meanwhile_does_not_fit(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": 0, "text": "x" * 70_000}]
        setting.left_by_a_killed_run(*rows)
        setting.emulator.fail("GET /executions/{execution_id}", status=404)
        with pytest.raises(UnknownOutcomeError) as caught:
            setting.run(setting.runs(rows=rows, if_unknown="match"))
        (unknown,) = caught.value.results
        assert isinstance(unknown.error, APIConnectionError)
        assert unknown.error.outcome_unknown
        assert str(unknown.error).startswith("the process ended before the response to the request that starts the row")

    def test_executions_before_the_intent_do_not_fit(self, setting: RepeatedBatch) -> None:
        with setting.emulator.client() as client:
            client.workflows.execute(setting.workflow, inputs={"id": 0, "seconds": 0})
        rows = [{"id": 0, "seconds": 0}]
        setting.left_by_a_killed_run(*rows, ago=-5.0, send=False)
        with pytest.raises(UnknownOutcomeError):
            setting.run(setting.runs(rows=rows, if_unknown="match"))
        assert setting.counts() == {0: 1}

    def test_the_execution_of_another_row_does_not_fit(self, setting: RepeatedBatch) -> None:
        """Two rows have the same inputs; the one that has an id keeps its execution."""
        rows = [{"id": "a"}, {"id": "b"}]
        assert len(setting.run(setting.runs(rows=rows[:1], inputs=same))) == 1
        other = Row(1, "b", same(None), canonical(same(None)))
        with closing(setting.opened()) as journal:
            other.intend(time.time() - 1)
            journal.write([other])
        with pytest.raises(UnknownOutcomeError, match="b"):
            setting.run(setting.runs(rows=rows, inputs=same, if_unknown="match"))
        assert setting.counts() == {0: 1}

    def test_as_many_executions_as_rows_with_the_same_inputs_are_theirs(self, setting: RepeatedBatch) -> None:
        keys = {"a": 0, "b": 1, "c": 2}
        ids = setting.left_by_a_killed_run(*({"id": each, "seconds": 0} for each in (0, 0, 0)), keys=keys)
        rows = [{"id": key} for key in keys]
        with pytest.raises(UnknownOutcomeError) as caught:
            setting.run(setting.runs(rows=rows[:2], inputs=same, if_unknown="match"))
        assert "a: another row has the same inputs, and may have been started" in caught.value.__notes__[0]
        results = setting.run(setting.runs(rows=rows, inputs=same, if_unknown="match"))
        assert {result.execution and result.execution.id for result in results.values()} == set(ids)
        assert setting.counts() == {0: 3}

    @BOTH
    def test_nor_does_that_of_a_row_in_a_journal_beside_it(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": 0}]
        setting.run(setting.runs(rows=rows, journal=setting.place.beside))
        setting.left_by_a_killed_run(*rows, send=False)
        with pytest.raises(UnknownOutcomeError) as caught:
            setting.run(setting.runs(rows=rows, if_unknown="match"))
        assert "0: no execution created after its request" in caught.value.__notes__[0]
        assert setting.counts() == {0: 1}

    def test_nor_one_that_may_be_of_such_a_row(self, setting: RepeatedBatch) -> None:
        rows = [{"id": 0, "seconds": 0}]
        setting.left_by_a_killed_run(*rows)
        setting.left_by_a_killed_run(*rows, send=False, location=setting.place.beside)
        with pytest.raises(UnknownOutcomeError) as caught:
            setting.run(setting.runs(rows=rows, if_unknown="match"))
        assert "has the same inputs, and may have been started" in caught.value.__notes__[0]
        setting.run(setting.runs(rows=rows, if_unknown="rerun", journal=setting.place.beside))
        (result,) = setting.run(setting.runs(rows=rows, if_unknown="match")).values()
        assert result.succeeded, "it is known by now which execution is the other row's"
        assert setting.counts() == {0: 2}

    def test_the_same_key_with_other_inputs(self, setting: RepeatedBatch) -> None:
        setting.run(setting.runs(rows=[{"id": 7, "seconds": 0}]))
        with pytest.raises(ValueError, match="row 0 has the key 7, for which the journal has other inputs"):
            setting.run(setting.runs(rows=[{"id": 7, "seconds": 1}]))
        assert setting.counts() == {7: 1}

    @BOTH
    def test_rows_may_come_in_another_order_and_more_may_come(self, setting: RepeatedBatch) -> None:
        setting.run(setting.runs(rows=ROWS[:3]))
        runs = setting.runs(rows=ROWS[::-1])
        results = setting.run(runs)
        assert {key: result.index for key, result in results.items()} == {5 - index: index for index in range(6)}
        assert runs.summary.from_journal == 3
        assert setting.counts() == ONCE

    @BOTH
    def test_a_row_that_had_no_json_form_is_tried_again(self, setting: RepeatedBatch) -> None:
        assert setting.run(setting.runs(rows=[{"id": 1, "seconds": {0}}]))[1].status == "failed"
        assert setting.run(setting.runs(rows=[{"id": 1, "seconds": 0}]))[1].succeeded
        assert setting.run(setting.runs(rows=[{"id": 1, "seconds": 0}]))[1].succeeded
        assert setting.counts() == {1: 1}

    @BOTH
    def test_the_journal_holds_no_key(self, setting: RepeatedBatch) -> None:
        setting.run(setting.runs())
        content = setting.place.content()
        assert b"exec_" in content
        assert setting.emulator.api_key.encode() not in content


def test_a_file_beside_the_journal_that_cannot_be_read_leaves_a_doubt(setting: RepeatedBatch, tmp_path: Path) -> None:
    rows = [{"id": 0, "seconds": 0}]
    setting.left_by_a_killed_run(*rows)
    (tmp_path / "notes.txt").write_text("no journal, and nothing that has a lock")
    damaged = Path(setting.place.beside)
    damaged.write_bytes(b"x" * 5000)
    Path(f"{damaged}-lock").touch()
    with pytest.raises(JournalError, match=r"is next to others.db, which cannot be read .* move that file"):
        setting.run(setting.runs(rows=rows, if_unknown="match"))
    damaged.write_bytes(b"")  # of a run that was killed before it wrote anything
    (result,) = setting.run(setting.runs(rows=rows, if_unknown="match")).values()
    assert result.succeeded


@pytest.mark.slow
@needs_fork
@pytest.mark.parametrize(("idempotency", "in_redis"), [(None, False), ("server", True)])
def test_kills_at_random_moments(idempotency: Literal["server"] | None, in_redis: bool) -> None:
    """Each night, the step `kills` kills 200 times."""
    seed = int.from_bytes(os.urandom(4), "big")
    report = kills.run(4, seed, idempotency=idempotency, in_redis=in_redis)
    assert report.holds, report


def test_nor_does_one_that_lacks_what_it_held_pass_for_all_there_is(
    setting: RepeatedBatch, redis_server: RedisServer
) -> None:
    """An execution that it does not know any more may be one of its rows."""
    rows = [{"id": 0, "seconds": 0}]
    in_redis = f"{redis_server.url}?journal=one&durability=none"
    for location, beside in [(None, setting.place.beside), (in_redis, in_redis.replace("=one", "=two"))]:
        setting.run(setting.runs(rows=rows, journal=beside))
        setting.left_by_a_killed_run(*rows, send=False, location=location)
        if location is None:
            with closing(sqlite3.connect(beside)) as connection, connection:
                connection.execute("DELETE FROM rows")
        else:
            with closing(redis_server.client()) as looking:
                looking.delete(keys_of("two")[IDS])
        with pytest.raises(JournalError, match=r"is next to .*, which cannot be read \(it"):
            setting.run(setting.runs(rows=rows, if_unknown="match", journal=location or setting.place.location))


_DAMAGES = {damage.name: damage for damage in redis_destroyer.DAMAGES}


class TestDestroyedInRedis:
    """Each night, the step `redis-destroyer` does it to both kinds of servers, many times."""

    @pytest.mark.parametrize("name", ["flushed", "older replica promoted"])
    def test_while_the_batch_lives(self, name: str, emulator: Emulator) -> None:
        address = Address(emulator.base_url, emulator.api_key)
        outcome = redis_destroyer.destroy(address, _DAMAGES[name], "redis-server", 0, is_killed=False)
        assert outcome == redis_destroyer.DestructionOutcome(is_refused=True, missing=0, twice=0)

    @pytest.mark.slow
    @needs_fork
    def test_after_the_batch_was_killed(self) -> None:
        seed = int.from_bytes(os.urandom(4), "big")
        with served_emulator() as address:
            for name in ("restarted empty", "restarted, AOF cut", "a record deleted"):
                outcome = redis_destroyer.destroy(address, _DAMAGES[name], "valkey-server", seed, is_killed=True)
                assert outcome.holds, (name, seed, outcome)


@pytest.fixture(autouse=True)
def default_signals() -> Iterator[None]:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
