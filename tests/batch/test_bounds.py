"""What bounds a batch: places of rows that have timed out, failures, unknown outcomes, the number of rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from fibonacci import RunResult, TooManyFailuresError, WaitTimeoutError
from tests.batch.limited_platform import EXECUTE, platform
from tests.kit.mode import Mode


class TestRowsThatTimeOut:
    def test_they_are_failures_and_keep_their_places(self, mode: Mode) -> None:
        here = platform(mode, time="manual")
        running = here.most_running()
        runs = here.runs([300.0] * 30, timeout=1, concurrency=10, max_failures=3)
        began = here.clock.time()
        with pytest.raises(TooManyFailuresError, match=r"^4 rows did not succeed \(4 timed out\), and max_fail"):
            here.run(runs)
        assert max(running) == here.count(EXECUTE) == 10
        assert here.clock.time() - began < 2, "the others are not waited for"
        assert runs.summary.left == 30

    def test_when_they_hold_every_place_the_run_stops_and_names_them(self, mode: Mode, tmp_path: Path) -> None:
        here = platform(mode, time="manual")
        began = here.clock.time()
        options = {"timeout": 5, "concurrency": 2, "journal": tmp_path / "runs.db"}
        with pytest.raises(WaitTimeoutError, match="no row can be started: executions that did not end") as caught:
            here.run(here.runs([12.0] * 3, **options))
        assert here.clock.time() - began == pytest.approx(10, abs=0.5)
        ids = [each.id for each in here.owner.executions.list()]
        assert all(execution_id in str(caught.value) for execution_id in ids)
        assert len(ids) == len(caught.value.executions) == 2
        assert caught.value.execution == caught.value.executions[0]
        here.clock.sleep(5)
        results = here.run(here.runs([12.0] * 2, **options))
        assert {each.execution and each.execution.id for each in results} == set(ids)
        assert {each.status for each in results} == {"completed"}

    def test_a_place_is_free_when_its_execution_has_ended(self, mode: Mode) -> None:
        here = platform(mode, time="manual")
        running = here.most_running()
        results = here.run(here.runs([16.0, *[8.0] * 3, 2.0], timeout=6, concurrency=2))
        assert sorted(each.status for each in results) == ["completed", *["running"] * 4]
        assert max(running) == 2
        assert here.count(EXECUTE) == 5

    def test_places_that_others_hold_are_waited_for(self, mode: Mode) -> None:
        here = platform(mode, "free", time="manual")  # 2 at a time
        for _ in range(2):
            here.owner.workflows.execute(here.workflow, inputs={"seconds": 60})
        (result,) = here.run(here.runs([1.0], timeout=5))
        assert result.succeeded

    def test_the_last_rows_are_not_waited_for(self, mode: Mode) -> None:
        here = platform(mode, time="manual")
        began = here.clock.time()
        results = here.run(here.runs([300.0] * 2, timeout=5, concurrency=2))
        assert [type(each.error) for each in results] == [WaitTimeoutError] * 2
        assert here.clock.time() - began == pytest.approx(5, abs=0.5)


class TestRowsThatComeToNothing:
    def test_when_none_of_the_first_25_succeeds_no_further_one_is_started(self, mode: Mode) -> None:
        here = platform(mode, time="manual")
        with pytest.raises(
            TooManyFailuresError, match=r"none of the first 25 rows that ended has succeeded \(25 failed\)"
        ):
            here.run(here.runs([-1.0] * 50, concurrency=10))
        assert 25 <= here.count(EXECUTE) <= 35
        assert len(here.run(here.runs([0.0, *[-1.0] * 26], concurrency=1))) == 27
        assert len(here.run(here.runs([-1.0] * 26, max_failures=26))) == 26

    def test_that_are_unknown(self, mode: Mode) -> None:
        here = platform(mode, time="manual")
        here.emulator.fail(EXECUTE, status=502, times=None)
        seen: list[RunResult] = []
        text = r"none of the first 25 rows that ended has succeeded \(25 unknown\), .*\. The last error: POST .* 502"
        with pytest.raises(TooManyFailuresError, match=text):
            mode.each(here.runs([0.0] * 50, concurrency=10), seen.append)
        assert 25 <= here.count(EXECUTE) == len(seen) <= 35, "each of them is yielded"
        assert {each.status for each in seen} == {"unknown"}

    def test_unknown_ones_count_as_failures(self, mode: Mode) -> None:
        here = platform(mode, time="manual")
        here.emulator.fail(EXECUTE, status=400, times=2)
        here.emulator.fail(EXECUTE, status=502, times=None)
        seen: list[RunResult] = []
        text = r"^4 rows did not succeed \(2 failed, 2 unknown\), and max_failures is 3\. The last error: POST"
        with pytest.raises(TooManyFailuresError, match=text):
            mode.each(here.runs([0.0] * 30, concurrency=1, max_failures=3), seen.append)
        assert [each.status for each in seen] == ["failed"] * 2 + ["unknown"] * 2
        assert here.count(EXECUTE) == 4


class TestMaxRows:
    def test_so_many_rows_are_started_in_a_call(self, mode: Mode, tmp_path: Path) -> None:
        here = platform(mode)
        options = {"journal": tmp_path / "runs.db", "max_rows": 3, "ordered": True}
        first: list[RunResult] = []
        read: list[int] = []

        def rows() -> object:
            for number in range(5):
                read.append(number)
                yield {"seconds": 0}

        run_many = here.client.workflows.run_many
        here.emulator.fail(EXECUTE, status=429, headers={"Retry-After": "1"}, times=1)
        mode.each(run_many(here.workflow, rows(), concurrency=2, **options), first.append)
        assert [each.index for each in first] == read == [0, 1, 2], "what is not started is not read"
        runs = here.runs([0] * 5, **options)
        assert Counter(each.status for each in here.run(runs)) == {"completed": 5}
        assert str(runs.summary) == "5 succeeded, 0 failed, 0 unknown, 0 left (3 from the journal)"
        assert here.count(EXECUTE, 200) == 5
