"""The decisions of a batch, without a platform: how many rows, how often to look, which execution, how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci import QuotaExceededError, RunResult
from fibonacci._batch.concurrency import DEFAULT, ConcurrencyPlan
from fibonacci._batch.estimate import BatchLimits, estimated
from fibonacci._batch.quota import quota_kind, quota_value, quota_wait
from fibonacci._batch.results import ResultQueue
from fibonacci._batch.watching import StartRate, WatchPlan, goes_on, watch_interval
from fibonacci.models.organizations import Quota
from tests.kit.assertions import each_row


class TestConcurrency:
    def test_it_asks_before_the_start(self) -> None:
        plan = ConcurrencyPlan(None)
        assert plan.must_ask
        assert plan.slots(0, 0, now=0.0) == 0
        plan.told(20, 5, now=0.0)
        assert plan.slots(0, 0, now=0.0) == 15
        assert plan.slots(12, 2, now=0.0) == 3

    def test_the_wish_of_the_user_bounds_it_and_needs_no_question(self) -> None:
        plan = ConcurrencyPlan(4)
        assert not plan.must_ask
        assert plan.slots(1, 1, now=0.0) == 3
        plan.told(20, 0, now=0.0)
        assert plan.slots(0, 0, now=0.0) == 4

    def test_it_asks_again_while_others_take_capacity(self) -> None:
        plan = ConcurrencyPlan(None)
        plan.told(20, 20, now=0.0)
        assert plan.slots(0, 0, now=0.0) == 0
        assert plan.next_change(0.0) == 60.0
        assert plan.slots(0, 0, now=60.0) == 0
        assert plan.must_ask
        plan.told(20, 0, now=60.0)
        assert plan.slots(0, 0, now=60.0) == 20
        assert plan.next_change(60.0) is None

    def test_a_refusal_is_answered_with_a_question(self) -> None:
        plan = ConcurrencyPlan(50)
        plan.refused(20, now=0.0)
        assert plan.must_ask
        plan.told(30, 10, now=0.0)
        assert plan.slots(19, 0, now=1.9) == 0, "not at once: what the list counts may lag behind"
        assert plan.slots(19, 0, now=2.0) == 1
        plan.refused(20, now=2.0)
        plan.told(30, 10, now=2.0)
        assert plan.slots(19, 0, now=5.9) == 0, "each refusal in a row doubles the wait"
        plan.started()
        plan.refused(20, now=10.0)
        plan.told(30, 10, now=10.0)
        assert plan.slots(19, 0, now=12.0) == 1

    def test_unreadable_it_stays_and_grows_by_one_every_two_minutes(self) -> None:
        plan = ConcurrencyPlan(50)
        plan.refused(20, now=0.0)
        plan.could_not_ask(now=0.0)
        assert [plan.slots(0, 0, now=at) for at in (10.0, 119.0, 120.0, 239.0, 240.0, 600.0)] == [
            *(20, 20, 21, 21, 22, 25)
        ]
        plan.refused(0, now=700.0)
        plan.could_not_ask(now=700.0)
        assert plan.slots(0, 0, now=710.0) == 1, "one row asks too"

    def test_unreadable_and_never_refused(self) -> None:
        plan = ConcurrencyPlan(None)
        plan.could_not_ask(now=0.0)
        assert plan.slots(0, 0, now=0.0) == DEFAULT

    def test_an_outage_is_probed_by_one_row(self) -> None:
        plan = ConcurrencyPlan(50)
        for _ in range(50):
            assert not plan.failed(now=0.0)
        assert plan.slots(0, 0, now=0.9) == 0
        assert plan.slots(0, 0, now=1.0) == 1
        assert plan.slots(1, 1, now=1.0) == 0, "the probe is on its way"
        assert not plan.failed(now=1.0)
        assert plan.slots(0, 0, now=2.9) == 0
        assert plan.slots(0, 0, now=3.0) == 1
        plan.started()
        assert plan.slots(1, 0, now=3.0) == 49
        assert not plan.failed(now=10_000.0)
        assert plan.failed(now=10_901.0), "it is given up after a quarter of an hour"

    def test_a_pause_for_a_quota(self) -> None:
        plan = ConcurrencyPlan(5)
        plan.pause(3600.0, now=0.0)
        assert plan.slots(0, 0, now=3599.0) == 0
        assert plan.next_change(10.0) == 3600.0
        assert plan.slots(0, 0, now=3600.0) == 5

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
                    plan.told(number, number // 2, now)
                case "refused":
                    plan.refused(number, now)
                case "could":
                    plan.could_not_ask(now)
                case "failed":
                    plan.failed(now)
                case _:
                    plan.started()
            assert plan.slots(0, 0, now) <= (DEFAULT if limit is None else limit)
        while not plan.slots(0, 0, now) and not plan.must_ask:
            following = plan.next_change(now)
            assert following is not None or plan.capacity == 0
            if following is None:
                break
            assert following > now
            now = following


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

    def test_single_reads_where_fewer_run_than_there_are_pages(self) -> None:
        plan = WatchPlan()
        assert not plan.is_list_cheaper(1)
        assert plan.is_list_cheaper(2)
        plan.looked(0.0, requests=5, pages=3)
        assert not plan.is_list_cheaper(3)
        assert plan.is_list_cheaper(4)

    @pytest.mark.parametrize(("found", "missing", "expected"), [(200, 50, True), (1, 50, False), (20, 1, False)])
    def test_a_page_that_had_few_is_the_last(self, found: int, missing: int, expected: bool) -> None:
        assert goes_on(found, missing) is expected

    def test_the_starts_of_the_last_minute(self) -> None:
        rate = StartRate()
        for second in range(120):
            rate.add(float(second))
        assert rate.per_minute(119.9) == pytest.approx(60, abs=1)
        assert rate.per_minute(150.0) == pytest.approx(30, abs=1)
        assert rate.per_minute(400.0) == 0


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
    def test_which(self, code: str, message: str, retry_after: float | None, in_flight: int, kind: str) -> None:
        error = QuotaExceededError(message, code=code)
        error.retry_after = retry_after
        assert quota_kind(error, in_flight) == kind

    def test_a_quota_of_0_is_not_known(self) -> None:
        quota = Quota.model_validate({"effective": {"concurrent_executions": 0, "workflow_runs_per_hour": 60}})
        assert [quota_value(quota, name) for name in ("concurrent_executions", "workflow_runs_per_hour")] == [None, 60]

    def test_how_long(self) -> None:
        error = QuotaExceededError("No more.")
        assert [quota_wait(error, refusals) for refusals in (1, 2, 3, 9)] == [60, 120, 240, 900]
        error.retry_after = 1800.0
        assert quota_wait(error, 9) == 1800


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
        estimate = estimated(3_000, BatchLimits("pro", rate=300, concurrency=100, duration=0.0))
        assert (str(estimate), estimate.requests_per_row) == (
            "3,000 rows on pro: 10 min, bound by 300 requests a minute",
            1,
        )

    def test_nothing_is_known(self) -> None:
        assert str(estimated(10, BatchLimits())) == "10 rows: 0 s"

    def test_what_fits_into_one_window_waits_for_none(self) -> None:
        assert estimated(300, BatchLimits(runs_per_hour=300)).hours == 0
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


@given(st.permutations(range(20)), st.sets(st.integers(0, 19)))
def test_ordered_results_come_in_order_whatever_ends_first(ends: list[int], skipped: set[int]) -> None:
    queue, seen = ResultQueue(ordered=True), list[int]()
    for index in ends:
        if index in skipped:
            queue.skip(index)
        else:
            queue.push(RunResult(index, str(index), {}, None, None, "completed"))
        while (result := queue.pop()) is not None:
            seen.append(result.index)
    assert seen == sorted(set(range(20)) - skipped)
