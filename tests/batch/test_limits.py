"""Quotas, rate limits, outages and watching, against the emulator's own count, on a clock that both share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fibonacci import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    QuotaExceededError,
    RateLimitError,
    RunResult,
    RunsProgress,
    ServerError,
    read_journal,
)
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.rows import Row
from fibonacci._batch.sqlite_journal import open_journal
from fibonacci._core.request import canonical
from tests.batch.limited_platform import EXECUTE, LimitedPlatform, platform
from tests.kit.mode import Mode

ALL_RUN = {"error": {"code": "quota_exceeded", "message": "20 concurrent executions run."}}
USED_UP = {"error": {"code": "quota_exceeded", "message": "The quota of runs per hour is used up."}}


@pytest.fixture(autouse=True)
def no_error_is_lost(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Every error of a worker is handled: none is left in a task that nobody asks for its result."""
    yield
    assert not [record.getMessage() for record in caplog.get_records("call") if record.name == "asyncio"]


class TestQuotas:
    def test_an_hourly_quota_is_waited_for(self, mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
        here = platform(mode, "free", workflow_runs_per_hour=6)  # 2 at a time
        began = here.clock.time()
        runs = here.runs([0.0] * 13)
        results = here.run(runs)
        assert Counter(result.status for result in results) == {"completed": 13}
        assert 7_000 < here.clock.time() - began < 8_000, "two hours after the first"
        assert here.count(EXECUTE, 429) <= 4, "no retries are wasted on it"
        assert here.count(EXECUTE, 200) == 13
        first, second = (each for each in caplog.messages if "a quota is used up" in each)  # one for each hour
        for text in (first, second):
            assert re.match(rf"workflow {here.workflow}: rows are waiting 3\d\d\d s, because a quota is used up", text)

    def test_a_rate_limit_is_waited_for_and_told_once_a_window(
        self, mode: Mode, caplog: pytest.LogCaptureFixture
    ) -> None:
        here = platform(mode, "free")  # 60 requests a minute
        began = here.clock.time()
        assert all(result.succeeded for result in here.run(here.runs([0.0] * 130, concurrency=60)))
        windows = (here.clock.time() - began) / 60
        waits = [each for each in caplog.messages if "for the rate limit" in each]
        assert 1 <= len(waits) <= windows + 1
        assert re.fullmatch(rf"workflow {here.workflow}: rows are waiting \d+ s for the rate limit", waits[0])

    def test_or_ends_the_run_resumably(self, mode: Mode, tmp_path: Any) -> None:
        here = platform(mode, "free", workflow_runs_per_hour=6)
        options = {"if_quota_exceeded": "raise", "journal": tmp_path / "runs.db"}
        seen: list[RunResult] = []
        with pytest.raises(QuotaExceededError, match="workflow_runs_per_hour") as caught:
            mode.each(here.runs([0.0] * 9, **options), seen.append)
        assert len(seen) == 6, "what was under way has ended"
        assert caught.value.retry_after is not None
        assert "3 left" in caught.value.__notes__[0]
        here.clock.sleep(caught.value.retry_after)
        runs = here.runs([0.0] * 9, **options)
        assert len(here.run(runs)) == 9
        assert runs.summary.from_journal == 6
        assert here.count(EXECUTE, 200) == 9

    def test_the_executions_of_others_are_left_their_capacity(self, mode: Mode) -> None:
        here = platform(mode, "pro", time="manual", concurrent_executions=5)
        for _ in range(3):
            here.owner.workflows.execute(here.workflow, inputs={"seconds": 100_000})
        here.emulator.requests.clear()
        most = here.most_running()
        assert len(here.run(here.runs([30.0] * 5))) == 5
        assert max(most) == 5
        assert here.count(EXECUTE, 429) == 0

    def test_when_the_capacity_is_used_up_it_is_asked_for(self, mode: Mode) -> None:
        here = platform(mode, "pro", time="manual", concurrent_executions=5)
        results = here.run(here.runs([20.0] * 12, concurrency=10))
        assert Counter(result.status for result in results) == {"completed": 12}
        assert here.count("GET /organizations/{organization_id}/quota") >= 1
        assert here.count(EXECUTE, 429) <= 6, "each of the first 10 asks once"
        assert here.count(EXECUTE, 200) == 12

    def test_refusals_that_come_at_once_are_one_refusal(self, mode: Mode) -> None:
        for body, longest in ((ALL_RUN, 10.0), (USED_UP, 70.0)):
            here = platform(mode, time="manual")
            here.client = here.client_with(max_retries=0, rate_limiter="off")
            began = here.clock.time()
            here.emulator.fail(EXECUTE, status=429, body=body, times=20)
            assert len(here.run(here.runs([0.0] * 20, concurrency=20))) == 20
            assert here.clock.time() - began < longest

    def test_a_quota_that_may_not_be_read(self, mode: Mode) -> None:
        here = platform(mode, "free")
        here.emulator.fail("GET /organizations/{organization_id}/quota", status=403, times=None)
        results = here.run(here.runs([5.0] * 8))
        assert Counter(result.status for result in results) == {"completed": 8}
        assert here.count(EXECUTE, 200) == 8

    def test_the_quota_is_asked_for_once(self, mode: Mode) -> None:
        here = platform(mode, "pro", time="manual")
        assert len(here.run(here.runs([1.0] * 30))) == 30
        assert here.count("GET /organizations/{organization_id}/quota") == 1

    def test_a_quota_whose_end_is_not_stated_is_asked_for_less_and_less(self, mode: Mode) -> None:
        here = platform(mode, time="manual")
        # The rate limit would have the first request of a window go alone, which delays another or does not.
        here.client = here.client_with(max_retries=0, rate_limiter="off")
        began = here.clock.time()
        here.emulator.fail(EXECUTE, status=429, body=USED_UP, times=3)

        def rows() -> Iterator[dict[str, float]]:
            yield {"seconds": 0.0}
            here.emulator.fail(EXECUTE, status=429, body=USED_UP)
            yield {"seconds": 0.0}

        results = here.run(here.client.workflows.run_many(here.workflow, rows(), concurrency=1))
        assert [result.succeeded for result in results] == [True, True]
        seconds = [each.time - began for each in here.emulator.requests.to(EXECUTE)]
        assert seconds == pytest.approx([0, 60, 180, 420, 420, 480]), "60 s again after a start"

    def test_the_journal_notes_until_when_rows_wait(
        self, mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = platform(mode, time="manual")
        path, sleep = tmp_path / "runs.db", here.clock.sleep
        notes: dict[datetime, RunsProgress] = {}

        def look(seconds: float) -> None:
            if path.exists():
                with read_journal(path) as view:
                    if view.progress is not None:
                        notes[view.progress.written_at] = view.progress
            sleep(seconds)

        def rows() -> Iterator[dict[str, float]]:
            yield {"seconds": 100.0}
            here.emulator.fail(EXECUTE, status=429, body=USED_UP, headers={"Retry-After": "300"})
            yield {"seconds": 0.0}

        monkeypatch.setattr(here.clock, "sleep", look)
        began = here.clock.time()
        here.run(here.client.workflows.run_many(here.workflow, rows(), journal=path, concurrency=2))
        waited = [note.blocked_by for note in notes.values() if note.blocked_by is not None]
        ends = [each.next_try_at.timestamp() - began for each in waited]
        assert ends == pytest.approx([300] * len(waited), abs=1)
        assert all("a quota is used up: " in each.reason for each in waited)
        assert 4 <= len(waited) <= 8, "one a minute"
        assert len(notes) - len(waited) <= 3

    def test_each_window_is_used_when_it_begins(self, mode: Mode) -> None:
        here = platform(mode, time="manual", rate_limit=(6, 20.0))
        assert len(here.run(here.runs([0.0] * 18))) == 18
        assert max(here.clock.slept) < 30


def leave_row(here: LimitedPlatform, path: Path, inputs: dict[str, float]) -> None:
    """Leave a row with an intent in a new journal, as a killed process does, and its execution on the platform."""
    left = Row(0, "0", inputs, canonical(inputs))
    left.intend(here.clock.time())
    with closing(open_journal(str(path), JournalHeader(here.workflow, "1", "index"))) as journal:
        journal.write([left])
    here.owner.workflows.execute(here.workflow, inputs=inputs, idempotency_key=left.idempotency_key)


class TestStarts:
    """What a row's request without a usable response leads to, where the server honors idempotency keys."""

    def started(
        self, mode: Mode, *failures: dict[str, Any], rows: int = 1
    ) -> tuple[list[RunResult], list[str], list[float]]:
        """Run rows whose requests fail in turn; return the results, and the keys and seconds of the requests."""
        here = platform(mode, time="manual")
        here.client = here.client_with(idempotency="server", max_retries=0)
        for failure in failures:
            here.emulator.fail(EXECUTE, **failure)
        began = here.clock.time()
        results = here.run_with_unknown(here.runs([0.0] * rows, concurrency=rows))
        sent = list(here.emulator.requests.to(EXECUTE))
        return results, [each.headers["idempotency-key"] for each in sent], [each.time - began for each in sent]

    def test_a_request_of_unknown_outcome_is_sent_five_times_with_one_key(self, mode: Mode) -> None:
        (result,), keys, seconds = self.started(mode, {"status": 500, "times": 4})
        assert result.succeeded
        assert len(set(keys)) == 1
        assert seconds == pytest.approx([0, 1, 3, 7, 15])
        (result,), keys, seconds = self.started(mode, {"status": 500, "times": None})
        assert result.status == "unknown"
        assert isinstance(result.error, ServerError)
        assert len(set(keys)) == 1
        assert seconds == pytest.approx([0, 1, 3, 7, 15])

    def test_one_that_was_refused_gets_another_key(self, mode: Mode) -> None:
        (result,), keys, _ = self.started(mode, {"status": 429, "headers": {"Retry-After": "1"}, "times": 2})
        assert result.succeeded
        assert len(keys) == len(set(keys)) == 3

    def test_a_503_is_no_refusal_whatever_wait_it_states(self, mode: Mode) -> None:
        (result,), keys, seconds = self.started(mode, {"status": 503, "headers": {"Retry-After": "7"}, "times": 2})
        assert result.succeeded
        assert len(set(keys)) == 1
        assert seconds == pytest.approx([0, 7, 14])

    def test_unless_an_earlier_one_with_that_key_may_have_been_carried_out(self, mode: Mode) -> None:
        refused = {"status": 429, "headers": {"Retry-After": "1"}}
        (result,), keys, _ = self.started(mode, {"status": 500}, refused)
        assert result.succeeded
        assert len(keys) == 3
        assert len(set(keys)) == 1

    def test_a_conflict_says_something_of_the_row_only_if_nothing_was_sent_before(self, mode: Mode) -> None:
        (result,), keys, _ = self.started(mode, {"status": 409})
        assert isinstance(result.error, ConflictError)
        assert len(keys) == 1
        (result,), keys, _ = self.started(mode, {"status": 500}, {"status": 409, "times": None})
        assert result.status == "unknown"
        assert len(keys) == 5

    def test_a_row_that_the_platform_refuses_fails_alone_even_when_it_was_unknown(self, mode: Mode) -> None:
        results, keys, _ = self.started(mode, {"status": 500}, {"status": 422}, rows=2)
        assert Counter(result.status for result in results) == {"completed": 1, "failed": 1}
        assert len(keys) == 3

    def test_for_candidates_the_list_is_read_back_to_the_earliest_intent_once(self, mode: Mode, tmp_path: Path) -> None:
        here = platform(mode, time="manual")

        def looks(number: int) -> int:
            here.emulator.requests.clear()
            options = {"journal": tmp_path / f"{number}.db", "concurrency": 1}
            (result,) = here.run_with_unknown(here.runs([float(number)], **options))
            assert len(result.candidates) == 1
            return here.count("GET /executions")

        leave_row(here, tmp_path / "0.db", {"seconds": 0.0})
        for _ in range(201):
            here.owner.workflows.execute(here.workflow, inputs={"seconds": 2.0})
        assert looks(0) == 2
        here.clock.sleep(60.0)
        leave_row(here, tmp_path / "1.db", {"seconds": 1.0})
        for _ in range(200):
            here.owner.workflows.execute(here.workflow, inputs={"seconds": 2.0})
        here.clock.sleep(60.0)
        assert looks(1) == 3, "the last page has none that is as late"

    def test_an_outage_that_lasts_ends_the_run(self, mode: Mode) -> None:
        with pytest.raises(RateLimitError):
            self.started(mode, {"status": 429, "headers": {"Retry-After": "1"}, "times": None})


class TestRateLimit:
    def test_no_request_is_refused(self, mode: Mode) -> None:
        here = platform(mode, rate_limit=(30, 60.0))
        began = here.clock.time()
        results = here.run(here.runs([10.0] * 60, concurrency=18))
        minutes = (here.clock.time() - began) / 60
        assert Counter(result.status for result in results) == {"completed": 60}
        assert sum(each.status == 429 for each in here.emulator.requests) == 0
        assert minutes < len(here.emulator.requests) / 30 + 1, "each window is used up"


class TestOutages:
    @pytest.mark.parametrize("asked", [30, None])
    def test_what_was_in_flight_when_an_outage_began_is_unknown_and_the_others_wait(
        self, asked: int | None, mode: Mode
    ) -> None:
        """Rows are started again, one first, when the platform responds to a request that only reads."""
        here = platform(mode, time="manual")
        here.client = here.client_with(max_retries=0)
        failure: dict[str, Any] = {"status": 502} if asked is None else {"status": 503, "retry_after": asked}
        began = here.clock.time()

        def rows() -> Iterator[dict[str, float]]:
            for number in range(40):
                if number == 1:  # the workflow was read
                    here.emulator.fail("GET /workflows/{workflow_id}", times=3, **failure)
                yield {"seconds": 0.0}

        here.emulator.fail(EXECUTE, times=10, **failure)
        runs = here.client.workflows.run_many(here.workflow, rows(), concurrency=10)
        results = here.run_with_unknown(runs)
        assert Counter(result.status for result in results) == {"unknown": 10, "completed": 30}
        sent = [each.time - began for each in here.emulator.requests.to(EXECUTE)]
        read = [each.time - began for each in here.emulator.requests.to("GET /workflows/{workflow_id}")]
        assert len(sent) == 40
        assert sent[:10] == pytest.approx([0.0] * 10, abs=0.5)
        probes = [30, 60, 90, 120] if asked else [1, 3, 7, 15]
        assert read[1:] == pytest.approx(probes, abs=0.5)
        assert sent[10] >= read[-1]
        errors = [result.error for result in results if result.status == "unknown"]
        assert {(type(each), getattr(each, "retry_after", 0)) for each in errors} == {(ServerError, asked)}
        assert all(isinstance(each, ServerError) and each.outcome_unknown for each in errors)

    def test_starts_that_fail_for_a_quarter_of_an_hour_end_the_run(self, mode: Mode) -> None:
        """Each row that finds out whether it is over becomes unknown: they are few."""
        here = platform(mode, time="manual")
        here.emulator.fail(EXECUTE, status=502, times=None)
        runs = here.runs([0.0] * 130, concurrency=10, max_failures=130)
        with pytest.raises(ServerError):
            here.run(runs)
        assert here.count(EXECUTE) < 10 + 2 * 60

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_page_of_a_gateway_is_not_the_word_of_the_platform(self, status: int, mode: Mode) -> None:
        here = platform(mode, time="manual")
        for route, times in ((EXECUTE, 5), ("GET /executions", 3)):
            here.emulator.fail(route, "html", status=status, times=times)
        results = here.run(here.runs([3.0] * 6, concurrency=3))
        assert Counter(result.status for result in results) == {"completed": 6}
        assert here.count(EXECUTE, 200) == 6

    def test_the_pauses_between_looks_that_fail_double_up_to_ten_seconds(self, mode: Mode) -> None:
        here = platform(mode, time="manual")
        began = here.clock.time()
        failure = here.emulator.fail("GET /executions/{execution_id}", status=500, times=7)
        here.client = here.client_with(max_retries=0)
        (result,) = here.run(here.runs([60.0], concurrency=1))
        assert result.succeeded
        assert failure.delivered == 7
        looks = [each.time - began for each in here.emulator.requests.to("GET /executions/{execution_id}")]
        assert [after - before for before, after in pairwise(looks[:8])] == pytest.approx(
            [2.04, 2.04, 4, 8, 10, 10, 10]
        ), "the first two looks would not be sooner anyway"

    def test_a_look_that_a_quota_refuses_is_repeated_after_a_minute(self, mode: Mode) -> None:
        here = platform(mode, time="manual")
        here.client = here.client_with(max_retries=0)
        began = here.clock.time()
        here.emulator.fail(
            "GET /executions/{execution_id}",
            status=429,
            body=USED_UP,
        )
        (result,) = here.run(here.runs([60.0], concurrency=1))
        assert result.succeeded
        first, second, *_ = (each.time - began for each in here.emulator.requests.to("GET /executions/{execution_id}"))
        assert second - first == pytest.approx(60)

    def test_a_key_that_expires_ends_the_run(self, mode: Mode) -> None:
        here = platform(mode)
        runs = here.runs([2.0] * 5)
        here.emulator.fail("GET /executions", status=401, times=None)
        with pytest.raises(AuthenticationError) as caught:
            here.run(runs)
        assert "5 left" in caught.value.__notes__[0]


class TestWatching:
    def test_executions_are_watched_by_the_list(self, mode: Mode) -> None:
        """Polling each of 6 executions of 60 s takes 180 requests."""
        here = platform(mode, time="manual")  # what the machine needs to start them does not count
        began = here.clock.time()
        results = here.run(here.runs([60.0] * 6, concurrency=6))
        assert len(results) == 6
        assert here.clock.time() - began <= 62.5, "they are seen to have ended within 2 s"
        assert here.count("GET /executions/{execution_id}") <= 1
        assert here.count("GET /executions") <= 30

    @pytest.mark.parametrize(("seconds", "succeeds"), [(59.4, True), (59.6, False)])
    def test_time_is_kept_for_a_last_look_before_the_timeout(self, seconds: float, succeeds: bool, mode: Mode) -> None:
        here = platform(mode, time="manual")
        began = here.clock.time()
        (result,) = here.run(here.runs([seconds], timeout=60.0, concurrency=1))
        assert result.succeeded is succeeds
        assert here.clock.time() - began == pytest.approx(59.5 if succeeds else 60)
        if not succeeds:
            assert result.execution is not None
            assert str(result.error) == (f"execution {result.execution.id} was running when the time to wait was up")

    def test_a_few_are_read_one_by_one(self, mode: Mode) -> None:
        here = platform(mode)
        (result,) = here.run(here.runs([20.0]))
        assert result.succeeded
        assert here.count("GET /executions") == 1, "before the start, how many run"
        assert here.count("GET /executions/{execution_id}") <= 12

    def test_one_that_takes_long_is_not_looked_for_on_all_pages(self, mode: Mode) -> None:
        here = platform(mode, time="manual")

        def rows() -> Iterator[dict[str, float]]:
            yield {"seconds": 40.0}
            yield from [{"seconds": 2.0}] * 12
            for _ in range(60):  # it is on the third page now
                here.owner.workflows.execute(here.workflow, inputs={"seconds": 0.0})
            yield from [{"seconds": 2.0}] * 30

        results = here.run(here.client.workflows.run_many(here.workflow, rows(), concurrency=10))
        assert Counter(result.status for result in results) == {"completed": 43}
        looks = here.count("GET /executions")
        assert looks <= 40

    def test_a_platform_with_smaller_pages_is_asked_without_a_size(self, mode: Mode) -> None:
        here = platform(mode, time="manual")
        here.emulator.fail("GET /executions", status=400)
        assert len(here.run(here.runs([5.0] * 3, concurrency=3))) == 3
        first, second, *more = here.emulator.requests.to("GET /executions")
        assert "limit" in first.query
        assert "limit" not in second.query
        assert all("limit" not in each.query for each in more)
        here.emulator.fail("GET /executions", status=400, times=None)
        with pytest.raises(BadRequestError):
            here.run(here.runs([5.0] * 3, concurrency=3))


class TestEstimates:
    def test_the_number_of_rows_of_a_generator_is_an_argument(self, mode: Mode) -> None:
        here = platform(mode, "free")
        runs = here.client.workflows.run_many(here.workflow, ({"seconds": 0} for _ in range(3)))
        with pytest.raises(ValueError, match=r"pass it, as in runs.estimate\(20_000\)"):
            mode.run(runs.estimate())
        with pytest.raises(ValueError, match="rows must be"):
            mode.run(runs.estimate(0))
        assert not here.emulator.requests, "nothing was sent"
        estimate = mode.run(runs.estimate(2_500))
        assert str(estimate) == "2,500 rows on free: 56 h, bound by 1,000 requests a day"
        assert set(estimate.hours_by_limit) == {"60 requests a minute", "60 runs an hour", "1,000 requests a day"}
        assert len(here.run(runs)) == 3, "the rows were not read"
