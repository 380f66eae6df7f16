"""The rate limiter of one process: what it admits, over simulated time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.response import APIResponse
from fibonacci._core.retry import Attempt
from fibonacci._core.shared_limits import SharedLimits
from fibonacci._core.window import Admission
from tests.core.responses import api_response
from tests.core.simulated_server import SimulatedServer, Simulation
from tests.kit.assertions import each_row
from tests.kit.clock import START
from tests.kit.steps import http_date

HOUR = 3600.0


def stating(
    remaining: int, reset_in: float, now: float, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> APIResponse:
    """Return a response that states the rate limit; the server's clock shows START at 0."""
    stated = {
        "x-ratelimit-limit": "60",
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(math.floor(START + now + reset_in)),
        "date": http_date(math.floor(START + now)),
    }
    return api_response(b"{}", status, stated | dict(headers or {}))


def admitted(limits: SharedLimits, now: float) -> Admission:
    """Return the admission of a request."""
    admission = Admission()
    assert limits.acquire(admission, now) is None
    return admission


def delayed(limits: SharedLimits, now: float) -> float:
    """Return the delay of a request that is not admitted."""
    admission = Admission()
    delay = limits.acquire(admission, now)
    limits.settle(admission, None, now)
    assert delay is not None
    return delay.seconds


def respond(limits: SharedLimits, admission: Admission, now: float, response: APIResponse | None) -> None:
    """Let the response to a request come."""
    attempt = None
    if response is not None:
        attempt = Attempt(response, response.status == 200, "GET", number=1, remaining=None, max_retries=0)
    limits.settle(admission, attempt, now)


def refusing(retry_after: float) -> APIResponse:
    return api_response(b"{}", 429, {"retry-after": str(retry_after)})


def told(*responses: APIResponse) -> SharedLimits:
    """Return limits that had these responses at 0."""
    limits = SharedLimits()
    for admission, response in [(admitted(limits, 0.0), response) for response in responses]:
        respond(limits, admission, 0.0, response)
    return limits


def exhausted(reset_in: float = HOUR) -> SharedLimits:
    """Return limits that were told at 0 that no request is left."""
    return told(stating(0, reset_in, 0.0))


class TestAgainstAServer:
    @given(
        calls=st.lists(
            st.tuples(
                st.floats(0, 200),  # when it begins
                st.floats(0, 0.9),  # until it is received: less than the margin
                st.floats(0, 300),  # until the response
            ),
            max_size=60,
        ),
        limit=st.integers(1, 9),
        length=st.sampled_from([5.0, 10.0, 60.0]),
        is_aligned=st.booleans(),
        rounding=st.sampled_from([math.ceil, math.floor, round]),
        skew=st.sampled_from([0.0, -86_400.0, 3600.5]),
    )
    def test_few_are_refused_and_all_are_sent(
        self,
        calls: list[tuple[float, float, float]],
        limit: int,
        length: float,
        is_aligned: bool,
        rounding: Callable[[float], int],
        skew: float,
    ) -> None:
        server = SimulatedServer(limit, length, is_aligned=is_aligned, rounding=rounding, skew=skew)
        simulation = Simulation(server, SharedLimits())
        simulation.call(0.0, 0.0, 0.1)  # after its response the limit is known
        for at, transit, duration in calls:
            simulation.call(0.2 + at, transit, duration)
        simulation.run()
        assert len(simulation.sent) == 1 + len(calls)
        assert server.refused <= limit  # a request on its way while windows change

    @each_row(("rounding", "is_aligned"), [(way, begin) for way in (math.ceil, math.floor, round) for begin in (0, 1)])
    def test_the_plan_is_used_and_nothing_refused_however_resets_are_rounded(
        self, rounding: Callable[[float], int], is_aligned: bool
    ) -> None:
        server = SimulatedServer(10, 60.0, is_aligned=is_aligned, skew=0.37, rounding=rounding)
        simulation = Simulation(server, SharedLimits())
        simulation.call(0.0, 0.0, 0.1)
        for _ in range(10 * 9):
            simulation.call(0.3, 0.02, 0.03)
        simulation.run()
        assert server.refused == 0
        assert server.share_used >= 0.95

    def test_long_requests_do_not_stop_the_windows_that_follow(self) -> None:
        server = SimulatedServer(20, 60.0, is_aligned=True)
        simulation = Simulation(server, SharedLimits())
        simulation.call(0.0, 0.01, 0.1)
        for _ in range(20 * 5):
            simulation.call(0.5, 0.01, 600.0)
        simulation.run()
        assert server.refused == 0
        assert max(simulation.sent) < 60.0 * 5 + 15, "each minute its 20, though no response came since the first"


class TestWindow:
    def test_a_response_includes_what_was_sent_a_second_before_its_request(self) -> None:
        limits = told(stating(9, 30, 0.0))
        admitted(limits, 1.0)
        respond(limits, admitted(limits, 2.5), 2.6, stating(7, 28, 2.6))
        assert limits.left == (7, 60)

    def test_one_that_was_sent_at_the_same_time_may_not_be_included(self) -> None:
        limits = told(stating(9, 30, 0.0))
        late = admitted(limits, 1.0)
        respond(limits, admitted(limits, 1.0), 1.1, stating(8, 29, 1.1))
        assert limits.left == (7, 60)
        respond(limits, late, 1.2, stating(7, 29, 1.2))
        assert limits.left == (7, 60)

    def test_an_older_response_raises_nothing(self) -> None:
        limits = told(stating(9, 30, 0.0))
        first, second = admitted(limits, 1.0), admitted(limits, 1.1)
        respond(limits, second, 1.2, stating(7, 29, 1.2))
        respond(limits, first, 1.3, stating(8, 29, 1.3))
        assert limits.left == (7, 60)

    def test_a_response_of_the_window_before_changes_nothing(self) -> None:
        limits = told(stating(9, 30, 0.0))
        late = admitted(limits, 1.0)
        respond(limits, admitted(limits, 31.0), 31.1, stating(59, 60, 31.1))
        respond(limits, late, 31.2, stating(0, -1, 31.2))
        assert limits.left == (59, 60)

    def test_a_window_ends_a_second_later_than_stated(self) -> None:
        limits = exhausted(30)
        assert delayed(limits, 30.5) == 0.5
        admitted(limits, 31.0)

    def test_the_next_window_is_taken_to_be_like_the_last_until_it_is_stated(self) -> None:
        limits = told(stating(0, 30, 0.0))
        admissions = [admitted(limits, 31.0) for _ in range(60)]
        assert delayed(limits, 31.0) == 31.0
        respond(limits, admissions[-1], 32.0, stating(30, 60, 32.0))
        assert limits.left == (0, 60), "the others may not be included"


class TestTrust:
    def test_a_reset_an_hour_away_is_trusted_for_two_minutes(self) -> None:
        limits = exhausted()
        assert delayed(limits, 0.0) == 120
        assert delayed(limits, 119.5) == 0.5
        admitted(limits, 120.0)

    def test_a_probe_that_says_the_same_renews_it(self) -> None:
        limits = exhausted()
        respond(limits, admitted(limits, 150.0), 151.0, stating(0, HOUR, 151.0))
        assert delayed(limits, 151.0) == 120

    def test_a_probe_may_correct_the_window_backwards(self) -> None:
        limits = exhausted()
        respond(limits, admitted(limits, 120.0), 120.0, stating(3, 10, 120.0))
        for _ in range(3):
            admitted(limits, 120.0)
        assert delayed(limits, 120.0) <= 11

    def test_a_reset_that_has_been_is_ignored(self) -> None:
        limits = told(stating(0, -60, 0.0))
        for _ in range(9):
            admitted(limits, 0.0)
        assert limits.last is not None

    def test_forgetting_opens_all(self) -> None:
        limits = told(stating(0, HOUR, 0.0), refusing(HOUR), refusing(30))
        limits.reset(0.0)
        assert limits.last is None
        for _ in range(100):
            admitted(limits, 0.0)

    def test_whether_only_time_ends_a_delay(self) -> None:
        def is_fixed(limits: SharedLimits, now: float) -> bool:
            admission = Admission()
            delay = limits.acquire(admission, now)
            limits.settle(admission, None, now)
            assert delay is not None
            return delay.is_fixed

        assert is_fixed(exhausted(30), 0.0), "no request is left"
        limits = told(stating(1, 30, 0.0))
        admitted(limits, 0.0)
        assert not is_fixed(limits, 0.0), "the request in flight may turn out not to count"
        assert is_fixed(told(refusing(10)), 0.0)


class TestPauses:
    def test_a_refusal_for_a_minute_pauses_all(self) -> None:
        limits = told(refusing(60))
        assert delayed(limits, 0.0) == 60
        for _ in range(9):
            admitted(limits, 60.0)

    def test_a_longer_one_is_about_something_else_than_the_plan_and_stops_nothing(self) -> None:
        limits = told(refusing(HOUR))
        for _ in range(9):
            admitted(limits, 0.0)

    def test_a_shorter_pause_ends_no_longer_one(self) -> None:
        limits = SharedLimits()
        first, second, third = (admitted(limits, 0.0) for _ in range(3))
        respond(limits, first, 1.0, refusing(60))
        respond(limits, second, 2.0, refusing(10))
        assert delayed(limits, 2.0) == 59
        respond(limits, third, 3.0, refusing(60))
        assert delayed(limits, 3.0) == 60

    def test_only_a_refusal_pauses(self) -> None:
        limits = told(*(api_response(b"{}", status, {"retry-after": "30"}) for status in (200, 404, 503)))
        admitted(limits, 0.0)

    def test_a_response_without_rate_limit_does_not_end_a_pause(self) -> None:
        limits = SharedLimits()
        first, second = admitted(limits, 0.0), admitted(limits, 0.0)
        respond(limits, first, 1.0, refusing(60))
        respond(limits, second, 2.0, api_response(b"{}"))
        assert delayed(limits, 2.0) == 59

    def test_a_refusal_of_the_window_itself_ends_with_the_window(self) -> None:
        limits = told(stating(0, 30, 0.0, status=429))
        assert delayed(limits, 1.0) == 30
        for _ in range(9):
            admitted(limits, 31.0)

    def test_a_refusal_without_a_time_has_no_effect(self) -> None:
        limits = told(api_response(b"{}", 429))
        for _ in range(9):
            admitted(limits, 0.0)


FIELDS = ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "date"]
VALUES = ["0", "1", "30", "90", "60", "3600", "1e9", "-1", "", "soon", str(START + HOUR), http_date(START)]
responses = st.builds(
    api_response,
    st.just(b"{}"),
    st.sampled_from([200, 404, 429, 429, 500]),
    st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(VALUES)),
)


@given(st.lists(st.tuples(st.none() | responses, st.sampled_from([0.0, 0.5, 20.0]))))
def test_nothing_that_a_server_says_stops_a_call_for_longer_than_two_minutes(
    script: list[tuple[APIResponse | None, float]],
) -> None:
    limits, now = SharedLimits(), 0.0
    for response, duration in script:
        admission, since = Admission(), now
        while (delay := limits.acquire(admission, now)) is not None:
            assert 0 < delay.seconds <= 120
            now += delay.seconds
            assert now - since <= 120
        now += duration
        respond(limits, admission, now, response)
    assert limits.in_flight == 0
    limits.reset(now)
    admitted(limits, now)
