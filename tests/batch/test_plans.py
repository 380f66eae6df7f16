"""The decisions of a batch, without a platform: how many rows, how often to look, which execution, how long."""

from __future__ import annotations

import asyncio
from dataclasses import FrozenInstanceError
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci import (
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    FibonacciError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    ValidationError,
)
from fibonacci._batch.candidates import candidates_of
from fibonacci._batch.concurrency import DEFAULT, Backoff, ConcurrencyPlan, quota_kind, quota_value
from fibonacci._batch.estimate import BatchLimits, duration_text, estimated, watch_rate
from fibonacci._batch.journal import error_in, error_text, start_outcome
from fibonacci._batch.rows import Row
from fibonacci._batch.state import BatchState, ResultQueue
from fibonacci._batch.watching import WatchPlan, watch_interval
from fibonacci._core.request import canonical
from fibonacci.models import Execution
from fibonacci.models.executions import execution_error
from fibonacci.models.organizations import Quota
from tests.batch.journals import completed
from tests.kit.assertions import each_row


class TestConcurrency:
    def test_a_refusal_is_answered_with_a_question(self) -> None:
        plan = ConcurrencyPlan(50)
        plan.record_refusal(20, sent_at=-1.0, now=0.0)
        assert plan.must_ask
        plan.record_quota(30, 10, now=0.0)
        assert plan.slots(19, 0, now=1.9) == 0, "not at once: what the list counts may lag behind"
        assert plan.slots(19, 0, now=2.0) == 1
        plan.record_refusal(20, sent_at=2.0, now=2.1)
        plan.record_quota(30, 10, now=2.1)
        assert plan.slots(19, 0, now=6.0) == 0, "each refusal in a row doubles the wait"
        plan.started(sent_at=6.2)
        plan.record_refusal(20, sent_at=9.0, now=10.0)
        plan.record_quota(30, 10, now=10.0)
        assert plan.slots(19, 0, now=12.0) == 1

    def test_unreadable_it_stays_and_grows_by_one_every_two_minutes(self) -> None:
        plan = ConcurrencyPlan(50)
        plan.record_refusal(20, sent_at=-1.0, now=0.0)
        plan.record_unreadable_quota(now=0.0)
        assert [plan.slots(0, 0, now=at) for at in (10.0, 119.0, 120.0, 239.0, 240.0, 600.0)] == [
            *(20, 20, 21, 21, 22, 25)
        ]
        plan.record_refusal(0, sent_at=699.0, now=700.0)
        plan.record_unreadable_quota(now=700.0)
        assert plan.slots(0, 0, now=710.0) == 1, "one row asks too"

    @given(
        st.integers(1, 200) | st.none(),
        st.lists(st.tuples(st.sampled_from(["told", "refused", "could", "failed", "started"]), st.integers(0, 100))),
    )
    def test_it_never_exceeds_the_wish_and_never_waits_for_ever(
        self, limit: int | None, events: list[tuple[str, int]]
    ) -> None:
        plan, now = ConcurrencyPlan(limit), 0.0
        for name, number in events:
            now += number / 10
            match name:
                case "told":
                    plan.record_quota(number, number // 2, now)
                case "refused":
                    plan.record_refusal(number, now - number % 3, now)
                case "could":
                    plan.record_unreadable_quota(now)
                case "failed":
                    plan.starts.failed(now - number % 3, now, number if number % 2 else None)
                case _:
                    plan.started(now)
            assert plan.slots(0, 0, now) <= (DEFAULT if limit is None else limit)
        while not plan.slots(0, 0, now) and not plan.must_ask:
            following = plan.next_change(now)
            assert following is not None or plan.capacity == 0
            if following is None:
                break
            assert following > now
            now = following


class TestBackoff:
    def test_the_platform_may_say_how_long_it_wants_to_be_left_alone(self) -> None:
        backoff = Backoff(1.0, 15.0)
        backoff.failed(0.0, now=1.0, asked=30.0)
        assert backoff.until == 31.0
        for asked in (0.0, None, 5.0):
            backoff.failed(0.5, now=2.0, asked=asked)
            assert backoff.until == 31.0
        backoff.failed(0.5, now=2.0, asked=40.0)
        assert backoff.until == 42.0
        for sent_at, asked, seconds in ((42.0, 0.0, 1.0), (44.0, 1e12, 3600.0)):
            backoff.failed(sent_at, now=sent_at + 0.5, asked=asked)
            assert backoff.until == sent_at + 0.5 + seconds, "a second at least, and an hour at most"


class TestWatching:
    @each_row(
        ("requests", "rate", "starts", "duration", "seconds"),
        [
            (1, 300, 100, 1.0, 0.4),
            (1, 300, 100, 60.0, 2.0),
            (1, 300, 265, 60.0, 12.0),  # 60 / (300 - 10 % - 265)
            (10, 300, 100, 60.0, 600 / 170),
            (1, 300, 300, 60.0, 15.0),
            (1, 60, 0, 3600.0, 15.0),
            (1, None, 0, 60.0, 2.0),
            (1, None, 0, 300.0, 10.0),
            (3, 300, 269, 60.0, 15.0),
            (3, 300, 250, 60.0, 9.0),
            (1, 100, 30, 0.0, 1.0),
        ],
    )
    def test_the_interval(
        self, requests: float, rate: float | None, starts: float, duration: float, seconds: float
    ) -> None:
        assert watch_interval(requests, rate, starts, duration) == pytest.approx(seconds)

    @given(
        st.floats(1, 100),
        st.floats(1, 1e6) | st.none(),
        st.floats(0, 1e6),
        st.floats(0, 1e6) | st.none(),
        st.floats(0, 1e6),
    )
    def test_it_is_from_0_4_to_15_seconds(
        self, requests: float, rate: float | None, starts: float, duration: float | None, age: float
    ) -> None:
        assert 0.4 <= watch_interval(requests, rate, starts, duration, age) <= 15

    @pytest.mark.parametrize(("duration", "looks", "late"), [(2.0, 2, 2.05), (60.0, 30, 2.05), (600.0, 110, 20.0)])
    def test_the_looks_at_a_first_execution(self, duration: float, looks: int, late: float) -> None:
        """Until one has ended, nobody can tell when: a look costs a request, and a long gap is seen late."""
        plan, at, number, longest = WatchPlan(), 0.0, 0, 0.0
        while at < duration:
            due = plan.due_at(0.0, at, rate=None, starts=0.0)
            longest, at, number = max(longest, due - at), due, number + 1
            plan.looked(at, requests=1, pages=1)
        assert number <= looks
        assert longest <= late

    def test_when_to_look(self) -> None:
        plan = WatchPlan()
        assert plan.due_at(10.0, 12.0, rate=None, starts=0.0) == 11.0
        plan.looked(5.0, requests=1, pages=None)
        assert plan.due_at(10.0, 12.0, rate=None, starts=0.0) == 11.0, "the first look at those started since"
        plan.looked(20.0, requests=1, pages=None)
        assert plan.due_at(10.0, 20.0, rate=None, starts=0.0) == 22.04
        plan.ended(90.0)
        assert plan.due_at(10.0, 20.0, rate=None, starts=0.0) == 23.0
        plan.looked(20.0, requests=0, pages=0)
        assert plan.due_at(10.0, 20.0, rate=20.0, starts=12.0) == 30.0, "1 request of the 6 a minute that are left"
        plan.looked(20.0, requests=2, pages=1)
        assert plan.due_at(10.0, 20.0, rate=20.0, starts=6.0) == 30.0

    def test_requests_of_a_window_are_kept_for_looks(self) -> None:
        plan = WatchPlan()
        plan.ended(60.0)
        assert plan.reserve(20.0, 1000) == 10, "a look every 2 s"
        assert plan.reserve(21.0, 1000) == 11
        assert plan.reserve(20.0, 91) == 10
        assert plan.reserve(20.0, 90) == 9, "a tenth at most"
        plan.looked(0.0, requests=3, pages=1)
        assert plan.reserve(20.0, 1000) == 30


class TestQuotas:
    @each_row(
        ("code", "message", "retry_after", "in_flight", "kind"),
        [
            ("quota_exceeded", "The quota concurrent_executions of 20 is used up.", None, 20, "concurrent"),
            ("quota_exceeded", "The quota workflow_runs_per_hour of 60 is used up.", 1800.0, 3, "timed"),
            ("daily_limit_exceeded", "No more.", None, 3, "timed"),
            ("quota_exceeded", "No more.", 30.0, 3, "timed"),
            ("quota_exceeded", "No more.", None, 3, "concurrent"),
            ("quota_exceeded", "No more.", None, 0, "timed"),
        ],
    )
    def test_the_quota_that_is_used_up_follows_from_code_message_and_wait(
        self, code: str, message: str, retry_after: float | None, in_flight: int, kind: str
    ) -> None:
        error = QuotaExceededError(message, code=code)
        error.retry_after = retry_after
        assert quota_kind(error, in_flight) == kind

    def test_a_quota_of_0_is_not_known(self) -> None:
        quota = Quota.model_validate({"effective": {"concurrent_executions": 0, "workflow_runs_per_hour": 60}})
        assert [quota_value(quota, name) for name in ("concurrent_executions", "workflow_runs_per_hour")] == [None, 60]


class TestEstimates:
    def test_the_runs_of_an_hour_bind(self) -> None:
        limits = BatchLimits("pro", rate=300, per_day=50_000, runs_per_hour=300, concurrency=20, duration=30.0)
        estimate = estimated(20_000, limits)
        assert str(estimate) == "20,000 rows on pro: 67 h, bound by 300 runs an hour"
        assert estimate.bound_by == "300 runs an hour"
        assert set(estimate.hours_by_limit) == {
            *("300 requests a minute", "50,000 requests a day", "300 runs an hour", "20 runs at a time")
        }

    def test_the_concurrency_binds(self) -> None:
        limits = BatchLimits("pro", rate=300, runs_per_hour=1_000_000, concurrency=2, duration=600.0)
        assert str(estimated(100, limits)) == "100 rows on pro: 8 h, bound by 2 runs at a time"

    def test_the_rate_binds(self) -> None:
        estimate = estimated(3_001, BatchLimits("pro", rate=300, concurrency=100, duration=0.0))
        assert (str(estimate), estimate.requests_per_row) == (
            "3,001 rows on pro: 10 min, bound by 300 requests a minute",
            1,
        )

    def test_the_requests_that_a_row_takes(self) -> None:
        """One to start it, and its part of a look at all that run every 2 s, by pages of 200."""
        for limits, requests in (
            (BatchLimits(), 1),
            (BatchLimits(duration=0.0), 1),
            (BatchLimits(duration=60.0, concurrency=20), 1 + 30 / 20),
            (BatchLimits(duration=60.0, concurrency=1), 1 + 30),
            (BatchLimits(duration=60.0, concurrency=200), 1 + 30 / 200),
            (BatchLimits(duration=60.0, concurrency=201), 1 + 2 * 30 / 201),
            (BatchLimits(duration=60.0), 1 + 30 / 60),
            (BatchLimits(duration=600.0, concurrency=1), 1 + 600 / 15),
            (BatchLimits(duration=60.0, concurrency=20, rate=1000.0), 1 + 30 / 20),
            (BatchLimits(duration=60.0, concurrency=1000, rate=100.0), 1 + 4 / 100),  # every 15 s: no request is left
        ):
            assert estimated(10, limits).requests_per_row == pytest.approx(requests)

    def test_a_time_in_words(self) -> None:
        times = {0: "0 s", 119: "119 s", 120: "2 min", 7199: "120 min", 7200: "2 h", 35_999: "10 h", 36_001: "11 h"}
        times |= {36_000: "10 h", 90: "90 s", 3_599_999: "1,000 h", 3_600_001: "1,001 h"}
        assert {seconds: duration_text(seconds) for seconds in times} == times

    def test_the_requests_of_a_day_last_for_the_day_or_for_the_rows(self) -> None:
        day = BatchLimits("free", rate=60.0, per_day=1_440, duration=0.0)
        assert watch_rate(None, day) == 1
        assert watch_rate(2 * 1_440, day._replace(rate=None, runs_per_hour=120)) == 1
        assert watch_rate(360, day._replace(runs_per_hour=60)) == pytest.approx(4)
        assert watch_rate(360, day) == 60, "all take six minutes"
        assert watch_rate(10, day._replace(rate=None)) == 1_440
        assert watch_rate(12, day._replace(rate=None, concurrency=2, duration=3600.0)) == pytest.approx(4)
        assert watch_rate(12, day._replace(per_day=None)) == 60
        assert watch_rate(12, BatchLimits()) is None
        quotas = [Quota.model_validate({"plan": plan, "effective": {}}) for plan in ("free", "pro", "other")]
        assert [BatchLimits.of(quota, None, None, None).per_day for quota in quotas] == [1_000, 50_000, None]

    def test_one_row_takes_as_long_as_it_takes(self) -> None:
        assert str(estimated(1, BatchLimits(duration=90.0))) == "1 row: 90 s"
        estimate = estimated(2, BatchLimits(duration=90.0))
        assert estimate.hours_by_limit == {}
        with pytest.raises(FrozenInstanceError):
            estimate.hours = 0.0  # type: ignore[misc]
        two = estimated(3, BatchLimits(duration=90.0, concurrency=2))
        assert (two.hours, two.bound_by) == (180 / 3600, "2 runs at a time")

    def test_nothing_is_known(self) -> None:
        assert str(estimated(10, BatchLimits())) == "10 rows: 0 s"

    def test_what_fits_into_one_window_waits_for_none(self) -> None:
        assert estimated(300, BatchLimits(runs_per_hour=300)).hours_by_limit == {"300 runs an hour": 0}
        assert estimated(301, BatchLimits(runs_per_hour=300)).hours == 1
        assert estimated(600, BatchLimits(runs_per_hour=300)).hours == 1, "the second half of them begins in an hour"

    def test_of_the_last_window_only_the_time_that_its_rows_take_counts(self) -> None:
        limits = BatchLimits(rate=300, runs_per_hour=1_000, concurrency=20, duration=60.0)
        assert estimated(2_500, limits).hours == 2 + 25 / 60, "25 rounds of 20 rows"

    def test_a_batch_that_is_under_way_may_have_used_up_the_window(self) -> None:
        assert estimated(600, BatchLimits(runs_per_hour=300), is_begun=True).hours == 2

    @given(st.integers(1, 10**7), st.integers(1, 10**7), st.floats(0, 1e5))
    def test_more_rows_take_longer(self, rows: int, more: int, duration: float) -> None:
        limits = BatchLimits("pro", 300, 50_000, 1_000, 20, duration)
        assert estimated(rows, limits).hours <= estimated(rows + more, limits).hours


class TestStoredErrors:
    def test_an_error_of_the_platform_comes_back_as_it_was(self) -> None:
        error = NotFoundError("There is no workflow.", code="not_found", details=[{"field": "id"}])
        error.idempotency_key = "key-1"
        error.outcome_unknown = False
        found = error_in(error_text(error), None)
        assert type(found) is NotFoundError
        assert (str(found), found.code, list(found.details)) == (str(error), "not_found", [{"field": "id"}])
        assert (found.idempotency_key, found.outcome_unknown) == ("key-1", False)

    def test_others_come_back_with_their_text(self) -> None:
        for error, kind, text in (
            (TypeError("no JSON"), TypeError, "no JSON"),
            (ValueError("no JSON"), ValueError, "no JSON"),
            (ConfigurationError("no key"), FibonacciError, "no key"),
            (ZeroDivisionError("by zero"), FibonacciError, "ZeroDivisionError: by zero"),
        ):
            found = error_in(error_text(error), None)
            assert (type(found), str(found)) == (kind, text)

    def test_the_error_of_an_execution_is_made_of_it(self) -> None:
        failed = Execution.model_validate({"execution_id": "A", "status": "failed", "error": "too long"})
        error = execution_error(failed)
        assert error_text(error) is error_text(None) is None
        found = error_in(None, failed)
        assert (type(found), str(found)) == (type(error), str(error))
        assert error_in(None, None) is None
        assert error_in(None, Execution.model_validate({"execution_id": "A", "status": "completed"})) is None


class TestUnknownRows:
    @pytest.mark.parametrize(("number", "more"), [(1, ""), (10, ""), (11, " and 1 more"), (12, " and 2 more")])
    def test_the_first_ten_are_named(self, number: int, more: str) -> None:
        options: Any = SimpleNamespace(
            if_unknown="raise",
            journal=None,
            ordered=False,
            total=number,
            max_failures=None,
            max_rows=None,
        )
        state = BatchState(options)
        for index in range(number):
            state.move(Row(index, f"k{index}", {}, None), "unknown")
        state.read = number
        assert str(state.summary).startswith(f"0 succeeded, 0 failed, {number} unknown")
        state.deliver_unknown({})
        assert state.summary.unknown == number
        names = ", ".join(f"k{index}" for index in range(min(number, 10)))
        assert f"of {number} of the rows is unknown: {names}{more}. Check them" in str(state.end_error)


class TestCandidates:
    def test_how_long_a_request_may_be_repeated(self) -> None:
        row = Row(0, "0", {}, "{}")
        row.intended_at = 1000.0
        day = 86_400.0 - 600.0
        for seconds, expected in ((-2.1, False), (-2.0, True), (0.0, True), (day - 0.1, True), (day, False)):
            assert row.may_repeat(1000.0 + seconds) is expected

    def test_the_first_executions_with_equal_inputs_that_were_created_since(self) -> None:
        def row(index: int, inputs: dict[str, int], intended_at: float) -> Row:
            made = Row(index, str(index), inputs, canonical(inputs))
            made.intend(intended_at)
            return made

        def execution(name: str, created_at: object, **more: object) -> Execution:
            fields = {"execution_id": name, "status": "running", "created_at": created_at, **more}
            return Execution.model_validate(fields)

        executions = [
            execution("late", 160.0, inputs={"b": 1, "a": 2}),
            execution("zoneless", "1970-01-01T00:02:30", inputs={"a": 2, "b": 1}),
            execution("second", 98.0, inputs={"a": 2, "b": 1}),
            execution("early", 97.9, inputs={"a": 2, "b": 1}),
            execution("other", 160.0, inputs={"a": 3, "b": 1}),
            execution("unlisted", 160.0),
            execution("undated", None, inputs={"a": 2, "b": 1}),
        ]
        rows = [row(0, {"a": 2, "b": 1}, 100.0), row(1, {"b": 1, "a": 2}, 155.0), row(2, {"a": 4}, 100.0)]
        found = candidates_of(rows, executions)
        names = {index: [each.id for each in candidates] for index, candidates in found.items()}
        assert names == {
            0: ["second", "zoneless", "late", "unlisted"],  # the `Date` has whole seconds
            1: ["late", "unlisted"],
            2: ["unlisted"],
        }
        many = [execution(f"E{number:02}", 100.0 + number, inputs={"a": 4}) for number in range(30)]
        assert [each.id for each in candidates_of(rows[2:], many)[2]] == [f"E{number:02}" for number in range(10)]


class TestOutcomes:
    def test_what_an_error_means_for_a_row(self) -> None:
        lost = APIConnectionError("lost")
        lost.outcome_unknown = True
        away, login = ServerError("away"), AuthenticationError("log in")
        away.status_code, login.status_code, login.body = 503, 401, "<html>"
        for error, expected in (
            (lost, "unknown"),
            (KeyboardInterrupt(), "unknown"),
            (asyncio.CancelledError(), "unknown"),
            (QuotaExceededError("No more."), "quota"),
            (RateLimitError("Slower."), "again"),
            (APIConnectionError("refused"), "again"),
            (away, "again"),
            (login, "again"),
            (ValidationError("wrong"), "row"),
            (ConflictError("there already"), "row"),
            (TypeError(), "row"),
            (ValueError(), "row"),
            (ConfigurationError("no key"), "all"),
            *((kind("no"), "all") for kind in (AuthenticationError, PermissionDeniedError, NotFoundError)),
            (RuntimeError(), "all"),
        ):
            assert start_outcome(error) == expected, repr(error)


def test_a_row_that_is_far_ahead_of_the_next_result_waits() -> None:
    queue = ResultQueue(ordered=True)
    assert [queue.is_far(index) for index in (999, 1000)] == [False, True]
    queue.skip(0)
    assert [queue.is_far(index) for index in (1000, 1001)] == [False, True]
    assert not ResultQueue(ordered=False).is_far(5000)


@given(st.permutations(range(20)), st.sets(st.integers(0, 19)))
def test_ordered_results_come_in_order_whatever_ends_first(ends: list[int], skipped: set[int]) -> None:
    queue, seen = ResultQueue(ordered=True), list[int]()
    for index in ends:
        if index in skipped:
            queue.skip(index)
        else:
            queue.push(completed(Row(index, str(index), {}, "{}")))
        while (result := queue.pop()) is not None:
            seen.append(result.index)
    assert seen == sorted(set(range(20)) - skipped)
