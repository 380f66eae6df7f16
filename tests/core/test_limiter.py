"""The rate limiter: what it admits, over simulated time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fibonacci._core.response import APIResponse
from fibonacci._core.shared_limits import RateLimiter
from fibonacci._core.window import Admission, Delay, Window
from tests.core.responses import api_response
from tests.core.simulated_server import SimulatedServer, Simulation
from tests.kit.assertions import each_row
from tests.kit.clock import START
from tests.kit.steps import http_date

HOUR = 3600.0
GET = ("GET", "/x")
POST = ("POST", "/y")
DELETE = ("DELETE", "/z")


def window_of(limiter: RateLimiter) -> Window:
    assert isinstance(limiter.window, Window)
    return limiter.window


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


def admitted(limiter: RateLimiter, now: float, endpoint: tuple[str, str] = GET) -> Admission:
    """Return the admission of a request."""
    outcome = limiter.acquire(now, endpoint)
    assert isinstance(outcome, Admission)
    return outcome


def delayed(limiter: RateLimiter, now: float, endpoint: tuple[str, str] = GET) -> float:
    """Return the delay of a request that is not admitted."""
    outcome = limiter.acquire(now, endpoint)
    assert isinstance(outcome, Delay)
    return outcome.seconds


def respond(limiter: RateLimiter, admission: Admission, now: float, response: APIResponse) -> None:
    """Let the response to a request come."""
    limiter.release(admission, now, response, is_refused=response.status == 429)


def refusing(retry_after: float) -> APIResponse:
    return api_response(b"{}", 429, {"retry-after": str(retry_after)})


def exhausted(reset_in: float = HOUR) -> RateLimiter:
    """Return a limiter that was told at 0 that no request is left."""
    limiter = RateLimiter()
    respond(limiter, admitted(limiter, 0.0), 0.0, stating(0, reset_in, 0.0))
    return limiter


calls = st.lists(
    st.tuples(
        st.floats(0, 200),  # when it begins
        st.floats(0, 0.9),  # until it is received: less than the margin
        st.floats(0, 300),  # until the response
    ),
    max_size=60,
)


class TestAgainstAServer:
    @given(
        calls=calls,
        limit=st.integers(1, 9),
        length=st.sampled_from([2.0, 5.0, 10.0, 60.0]),
        is_aligned=st.booleans(),
        skew=st.sampled_from([0.0, -86_400.0, 3600.5]),
    )
    def test_no_more_is_sent_than_the_server_lets_through_and_all_is_sent(
        self, calls: list[tuple[float, float, float]], limit: int, length: float, is_aligned: bool, skew: float
    ) -> None:
        server = SimulatedServer(limit, length, is_aligned=is_aligned, skew=skew)
        simulation = Simulation(server, RateLimiter())
        simulation.call(0.0, 0.0, 0.1)  # after its response the limit is known
        for at, transit, duration in calls:
            simulation.call(0.2 + at, transit, duration)
        simulation.run()
        assert server.refused == 0
        assert sum(server.admitted.values()) == len(simulation.sent) == 1 + len(calls)

    def test_long_requests_do_not_stop_the_windows_that_follow(self) -> None:
        server = SimulatedServer(20, 60.0, is_aligned=True)
        simulation = Simulation(server, RateLimiter())
        simulation.call(0.0, 0.01, 0.1)
        for _ in range(20 * 5):
            simulation.call(0.5, 0.01, 600.0)
        simulation.run()
        assert server.refused == 0
        # Each minute its 20, though no response came since the first.
        assert max(simulation.sent) < 60.0 * 5 + 15
        assert [server.admitted[60.0 * minute] for minute in range(1, 6)] == [20] * 5


class TestRequestsThatArriveLate:
    @given(
        calls=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 39), st.floats(0, 60)), max_size=60),
        used_by_others=st.integers(0, 4),
    )
    @example([(0.0, 0.0, 0.0)] * 5 + [(0.0, 0.0, 49.0), (1.0, 11.0, 1.0)], 0)
    def test_nothing_is_refused_however_late_they_arrive_in_their_window(
        self, calls: list[tuple[float, float, float]], used_by_others: int
    ) -> None:
        server = SimulatedServer(9, 60.0, is_aligned=True)
        for _ in range(used_by_others):
            server.receive(0.0)
        simulation = Simulation(server, RateLimiter())
        planned = [(0.0, 0.0, 0.1), *((0.2 + at, *late) for at, *late in calls[: 8 - used_by_others])]
        planned += [(21.0, 0.01, 0.1)] * 9  # what is left of the window, and some of the next
        for call in planned:
            simulation.call(*call)
        simulation.run()
        # One that waited before it was sent may arrive in the window after that.
        transits = [transit for _, transit, _ in sorted(planned, key=lambda call: call[0])]
        sent = zip(simulation.sent, transits, strict=True)
        assume(all(at // 60 == (at + transit) // 60 for at, transit in sent))
        assert server.refused == 0

    def test_one_that_has_not_arrived_stays_counted_though_later_ones_have(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, stating(9, 30, 0.0))
        late = admitted(limiter, 1.0)
        respond(limiter, admitted(limiter, 2.5), 2.6, stating(8, 28, 2.6))
        assert limiter.window.left == 7, "the server has counted one request, and two were sent"
        respond(limiter, late, 2.7, stating(7, 28, 2.7))
        assert limiter.window.left == 7

    def test_one_that_has_arrived_takes_no_place_however_long_its_response_takes(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, stating(9, 30, 0.0))
        admitted(limiter, 1.0)
        respond(limiter, admitted(limiter, 2.5), 2.6, stating(7, 28, 2.6))
        assert limiter.window.left == 7

    def test_in_the_next_window_none_of_them_is_counted(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, stating(9, 30, 0.0))
        admitted(limiter, 1.0)
        respond(limiter, admitted(limiter, 2.5), 2.6, stating(8, 28, 2.6))
        respond(limiter, admitted(limiter, 31.0), 31.1, stating(59, 60, 31.1))
        assert limiter.window.left == 59


class TestLengths:
    @each_row("length", [2.0, 10.0, 60.0])
    def test_little_of_a_window_is_lost_once_the_length_is_known(self, length: float) -> None:
        server = SimulatedServer(10, length, is_aligned=False, skew=0.37)
        simulation = Simulation(server, RateLimiter())
        simulation.call(0.0, 0.0, 0.1)
        for _ in range(10 * 8):
            simulation.call(0.3, 0.02, 0.03)
        simulation.run()
        ends = sorted(server.admitted)
        lost = [end - before - length for before, end in pairwise(ends)]
        assert server.refused == 0
        assert lost[0] <= 1.2
        assert max(lost[2:]) <= 0.1

    @each_row(("used", "ends"), [(1, 10.0), (2, 11.0)])
    def test_a_window_ends_by_its_length_if_its_first_request_is_ours(self, used: int, ends: float) -> None:
        limiter = RateLimiter()
        for begin in (0.0, 11.0):  # the reset is rounded up
            respond(limiter, admitted(limiter, begin), begin, stating(59, 11, begin))
        assert limiter.window.remaining(11.0) == (10, 59), "the second window of 10 s in a row"
        respond(limiter, admitted(limiter, 21.0), 21.0, stating(60 - used, 11, 21.0))
        assert limiter.window.remaining(21.0) == (ends, 60 - used)

    @each_row(("begin", "ends"), [(11.0, 10.0), (13.0, 10.0), (13.5, 11.0), (60.0, 11.0)])
    def test_a_window_that_is_entered_late_may_have_begun_before(self, begin: float, ends: float) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, stating(59, 11, 0.0))
        respond(limiter, admitted(limiter, begin), begin, stating(59, 11, math.floor(begin)))
        left = limiter.window.remaining(begin)
        assert left is not None
        assert left[0] == pytest.approx(ends, abs=0.5)

    def test_a_slow_response_does_not_tell_when_a_window_begins(self) -> None:
        for seconds, ends in ((1.0, 10.0), (1.1, 11.0)):
            limiter = RateLimiter()
            for begin in (0.0, 11.0):
                admission = admitted(limiter, begin)
                respond(limiter, admission, begin + seconds, stating(59, 12 - seconds, begin + seconds))
            left = limiter.window.remaining(11.0 + seconds)
            assert left is not None
            assert left[0] == pytest.approx(ends)

    def test_a_server_that_counts_differently_is_noticed_at_the_first_refusal(self) -> None:
        server = SimulatedServer(3, 60.6, is_aligned=False)  # which looks like a minute
        simulation = Simulation(server, RateLimiter())
        simulation.call(0.0, 0.0, 0.1)
        for _ in range(3 * 20):
            simulation.call(0.3, 0.02, 0.03)
        simulation.run()
        assert server.refused <= 3


class TestResets:
    @each_row(
        ("rounding", "skew", "refusals", "is_aligned"),
        [
            *((math.ceil, 0.0, 1, is_aligned) for is_aligned in (False, True)),
            *((math.floor, -1.5, 3, is_aligned) for is_aligned in (False, True)),
            *((round, 0.0, 1, False), (math.ceil, 1.5, 0, False)),
        ],
    )
    def test_how_a_server_rounds_is_learned_by_a_refusal_or_three(
        self, rounding: Callable[[float], int], skew: float, refusals: int, is_aligned: bool
    ) -> None:
        """The nightly step `limits` has each rounding with each skew, both ways, and many processes."""
        server = SimulatedServer(
            10, 60.0, is_aligned=is_aligned, skew=0.37, rounding=rounding, reset_skew=skew, has_retry_after=False
        )
        simulation = Simulation(server, RateLimiter())
        simulation.call(0.0, 0.0, 0.1)
        for _ in range(10 * 9):
            simulation.call(0.3, 0.02, 0.03)
        simulation.run()
        assert server.refused <= refusals
        assert all(at < 180 for at in server.refusals)
        assert server.share_used >= 0.98

    @each_row(("since", "ends"), [(0.0, 31.0), (0.9, 31.0), (1.0, 32.0), (2.5, 33.0), (2.6, None)])
    def test_a_window_that_is_still_stated_after_its_reset_ends_a_second_later_or_two_or_three(
        self, since: float, ends: float | None
    ) -> None:
        limiter = exhausted(30)
        now = 30.0 + since
        respond(limiter, admitted(limiter, now), now, stating(0, -since, now, status=429))
        if ends is None:
            assert delayed(limiter, now) == 0.5, "it is not known how long it lasts"
            admitted(limiter, now + 0.5)
            assert delayed(limiter, now + 0.5) == 0.5, "again one request finds out"
            return
        assert delayed(limiter, now) == pytest.approx(ends - now)
        respond(limiter, admitted(limiter, ends), ends, stating(59, 60, ends))
        left = limiter.window.remaining(ends)
        assert left == pytest.approx((60 + ends - 30, 59)), "so does the next one"

    def test_a_refusal_is_not_needed_to_see_that_a_window_has_not_ended(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, stating(9, 30, 0.0))
        respond(limiter, admitted(limiter, 30.2), 30.2, stating(8, -0.2, 30.2))
        assert limiter.window.remaining(30.2) == pytest.approx((0.8, 8))

    def test_a_refusal_that_states_nothing_is_about_the_last_window(self) -> None:
        limiter = exhausted(30)
        respond(limiter, admitted(limiter, 30.2), 30.2, api_response(b"{}", 429, {"date": http_date(START + 30)}))
        assert delayed(limiter, 30.2) == pytest.approx(0.8)
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, stating(9, 30, 0.0))
        respond(limiter, admitted(limiter, 1.0), 1.0, api_response(b"{}", 429, {"date": http_date(START + 1)}))
        assert limiter.window.left == 9, "in the middle of a window, it is about something else"

    def test_what_is_believed_of_resets_is_forgotten_after_a_day_or_when_asked(self) -> None:
        for days, forgets in ((0.9, False), (1.1, False), (1.1, True), (0.0, True)):
            limiter = exhausted(30)
            respond(limiter, admitted(limiter, 30.0), 30.0, stating(0, 0, 30.0, status=429))
            now = 30.0 + 86_400 * days
            if days == 0.0:
                limiter.forget()
            elif forgets:
                respond(limiter, limiter.admit(now), now, stating(8, 60, now))
            respond(limiter, limiter.admit(now), now, stating(8, 60, now))
            left = limiter.window.remaining(now)
            assert left == pytest.approx((60 if forgets else 61, 8))

    def test_the_first_request_of_a_window_goes_alone(self) -> None:
        limiter = exhausted(30)
        first = admitted(limiter, 30.0)
        assert delayed(limiter, 30.1) == pytest.approx(0.4)
        limiter.release(first, 30.2)  # it was canceled
        second = admitted(limiter, 30.2)
        assert delayed(limiter, 30.2) == pytest.approx(0.3)
        respond(limiter, second, 30.3, stating(59, 60, 30.3))
        for _ in range(9):
            admitted(limiter, 30.3)


class TestTrust:
    def test_a_reset_an_hour_away_is_trusted_for_two_minutes(self) -> None:
        limiter = exhausted()
        assert delayed(limiter, 0.0) == 120
        assert delayed(limiter, 119.5) == 0.5
        admitted(limiter, 120.0)

    def test_one_probe_at_a_time(self) -> None:
        limiter = exhausted()
        probe = admitted(limiter, 120.0)
        assert delayed(limiter, 120.0) <= 5
        respond(limiter, probe, 120.5, stating(7, 30, 120.5))
        for _ in range(7):
            admitted(limiter, 121.0)
        assert delayed(limiter, 121.0, POST) == pytest.approx(29.5, abs=1)

    def test_a_probe_without_rate_limit_opens_all(self) -> None:
        limiter = exhausted()
        respond(limiter, admitted(limiter, 120.0), 120.1, api_response(b"{}"))
        for _ in range(100):
            admitted(limiter, 120.1)

    def test_a_probe_that_says_the_same_renews_it(self) -> None:
        limiter = exhausted()
        respond(limiter, admitted(limiter, 150.0), 151.0, stating(0, HOUR, 151.0))
        assert delayed(limiter, 151.0) == 120

    def test_a_probe_may_correct_the_window_backwards(self) -> None:
        limiter = exhausted()
        respond(limiter, admitted(limiter, 120.0), 120.0, stating(3, 10, 120.0))
        for _ in range(3):
            admitted(limiter, 120.0)
        assert delayed(limiter, 120.0) <= 10

    @each_row("response", [None, api_response(b"", 502)])
    def test_a_lost_probe_lets_the_next_one_through(self, response: APIResponse | None) -> None:
        limiter = exhausted()
        limiter.release(admitted(limiter, 120.0), 121.0, response)
        admitted(limiter, 121.0)

    def test_a_probe_that_takes_long_does_not_stop_the_next(self) -> None:
        limiter = exhausted()
        first = admitted(limiter, 120.0)
        assert delayed(limiter, 124.0) == 1.0
        admitted(limiter, 125.0)
        respond(limiter, first, 126.0, api_response(b"{}"))
        for _ in range(9):
            admitted(limiter, 126.0)

    def test_a_reset_that_has_been_is_ignored(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, stating(0, -60, 0.0))
        for _ in range(9):
            admitted(limiter, 0.0)
        assert limiter.last is not None

    def test_forgetting_opens_all(self) -> None:
        limiter = exhausted()
        respond(limiter, limiter.admit(0.0, POST), 0.0, refusing(HOUR))
        respond(limiter, limiter.admit(0.0, GET), 0.0, refusing(30))
        limiter.forget()
        assert limiter.last is None
        for endpoint in (GET, POST, DELETE):
            for _ in range(100):
                admitted(limiter, 0.0, endpoint)


class TestEndpoints:
    def test_a_refusal_for_a_minute_pauses_all(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, refusing(60))
        assert delayed(limiter, 0.0, GET) == delayed(limiter, 0.0, POST) == 60
        for _ in range(9):
            admitted(limiter, 60.0, POST)

    def test_a_longer_one_stops_its_endpoint_and_the_others_are_probed(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, refusing(HOUR))
        assert delayed(limiter, 1.0, GET) == 119
        probe = admitted(limiter, 1.0, POST)
        assert 0 < delayed(limiter, 1.0, DELETE) <= 5
        respond(limiter, probe, 2.0, api_response(b"{}"))
        for endpoint in (POST, DELETE):
            for _ in range(9):
                admitted(limiter, 2.0, endpoint)
        assert delayed(limiter, 2.0, GET) == 118

    @each_row("again", [refusing(HOUR), api_response(b"{}", 429)])
    def test_an_endpoint_that_refuses_the_probe_is_stopped_too(self, again: APIResponse) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, refusing(HOUR))
        respond(limiter, admitted(limiter, 1.0, POST), 1.0, again)
        assert delayed(limiter, 1.0, GET) == 119
        assert delayed(limiter, 1.0, POST) == 120
        admitted(limiter, 1.0, DELETE)

    def test_the_endpoint_itself_is_probed_in_the_end(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, refusing(HOUR))
        respond(limiter, admitted(limiter, 0.0, POST), 0.0, api_response(b"{}"))
        probe = admitted(limiter, 120.0)
        assert delayed(limiter, 120.0) == 5
        admitted(limiter, 120.0, POST)
        respond(limiter, probe, 121.0, api_response(b"{}"))
        for _ in range(9):
            admitted(limiter, 121.0)

    def test_a_refusal_of_less_than_two_minutes_lasts_as_long_as_stated(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, refusing(90))
        assert delayed(limiter, 0.0) == 90

    def test_the_number_of_circuit_breakers_is_bounded(self) -> None:
        limiter = RateLimiter()
        refused = refusing(HOUR)
        for number in range(1100):
            respond(limiter, limiter.admit(0.0, ("GET", f"/{number}")), 0.0, refused)
        delays = [limiter.delay(1.0, ("GET", f"/{number}")) for number in range(1100)]
        assert 0 < sum(delay is not None and delay.is_fixed for delay in delays) <= 1000


class TestWhatIsLeft:
    def test_requests_and_seconds(self) -> None:
        limiter = RateLimiter()
        assert limiter.window.remaining(0.0) is None
        assert (limiter.window.left, limiter.window.limit, window_of(limiter).length) == (None, 0, 0)
        respond(limiter, admitted(limiter, 0.0), 0.0, stating(3, 50, 0.0))
        assert limiter.window.limit == 60
        assert limiter.window.remaining(10.0) == (40, 3)
        first = admitted(limiter, 10.0)
        second = admitted(limiter, 10.0)
        assert limiter.window.remaining(10.0) == (40, 1)
        admitted(limiter, 10.0)
        assert limiter.window.remaining(10.0) == (40, 0)
        assert limiter.window.remaining(50.0) is None
        limiter.release(first, 11.0)
        assert limiter.window.left == 1, "a request without a response has used none, as far as is known"
        respond(limiter, second, 12.0, stating(2, 38, 12.0))
        assert limiter.window.remaining(12.0) == (38, 1)
        assert not window_of(limiter).is_over(49.9)
        assert window_of(limiter).is_over(50.0)

    def test_the_length_of_a_window_is_the_longest_that_was_seen_of_it(self) -> None:
        limiter = RateLimiter()
        for now, length in ((0.0, 10), (5.0, 10), (9.0, 10), (20.0, 10)):
            respond(limiter, admitted(limiter, now), now, stating(30, 11 - now % 20, now))
            assert window_of(limiter).length == length
        respond(limiter, admitted(limiter, 40.0), 40.0, stating(30, 31, 40.0))
        assert window_of(limiter).length == 30

    def test_what_was_stated_two_minutes_ago_is_not_known(self) -> None:
        limiter = exhausted()
        assert limiter.window.remaining(119.0) == (HOUR - 119, 0)
        assert limiter.window.remaining(120.0) is None
        respond(limiter, limiter.admit(120.0), 120.0, stating(5, HOUR, 120.0))
        assert limiter.window.remaining(900.0) == (HOUR + 120 - 900, 5)

    def test_the_next_window_is_taken_to_have_the_limit(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, stating(0, 30, 0.0))
        assert delayed(limiter, 29.5) == 0.5
        admitted(limiter, 30.0)
        assert delayed(limiter, 30.0) == 0.5, "the first one finds out whether it has begun"
        for _ in range(59):
            admitted(limiter, 30.5)
        assert limiter.window.is_exhausted()
        assert limiter.window.remaining(30.5) is None, "it is not known when it ends"
        assert delayed(limiter, 30.5) == 30.5, "a window of 30 s from the first one, and the margin"
        admitted(limiter, 62.5)
        assert limiter.window.left == 59, "those have certainly ended"

    def test_whether_only_time_ends_a_delay(self) -> None:
        def is_fixed(limiter: RateLimiter, now: float, endpoint: tuple[str, str] = GET) -> bool:
            delay = limiter.delay(now, endpoint)
            assert delay is not None
            return delay.is_fixed

        assert is_fixed(exhausted(30), 0.0), "no request is left"
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, stating(1, 30, 0.0))
        admitted(limiter, 0.0)
        assert not is_fixed(limiter, 0.0), "the request in flight may turn out not to count"
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, refusing(10))
        assert is_fixed(limiter, 0.0)
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, refusing(HOUR))
        admitted(limiter, 1.0, POST)
        assert is_fixed(limiter, 1.0, GET)
        assert not is_fixed(limiter, 1.0, DELETE), "a probe is in flight"

    def test_how_many_could_be_sent(self) -> None:
        limiter = RateLimiter()
        assert limiter.count_sendable(0.0, [GET, GET, POST]) == 3
        respond(limiter, admitted(limiter, 0.0), 0.0, refusing(HOUR))
        assert limiter.count_sendable(1.0, [GET, GET]) == 0
        assert limiter.count_sendable(1.0, [GET, POST, POST]) == 1, "a probe"
        probe = admitted(limiter, 1.0, POST)
        assert limiter.count_sendable(1.0, [GET, POST, POST]) == 0
        assert limiter.count_sendable(6.0, [POST, POST]) == 1, "after five seconds another"
        respond(limiter, probe, 2.0, api_response(b"{}"))
        assert limiter.count_sendable(2.0, [GET, POST, POST]) == 2
        assert limiter.count_sendable(120.0, [GET, GET, POST]) == 3

    def test_requests_that_another_process_admitted_count_once(self) -> None:
        limiter = exhausted()
        respond(limiter, limiter.admit(0.0), 0.0, stating(9, HOUR, 0.0))
        ours, earlier, later = admitted(limiter, 10.0), Admission(5.0), Admission(15.0)
        for _ in range(2):
            window_of(limiter).restore([later, earlier, ours])
            assert list(window_of(limiter).uncounted) == [earlier, ours, later]
        assert limiter.window.left == 6


class TestPauses:
    def test_a_shorter_pause_ends_no_longer_one(self) -> None:
        limiter = RateLimiter()
        first, second, third = (admitted(limiter, 0.0) for _ in range(3))
        respond(limiter, first, 1.0, refusing(60))
        respond(limiter, second, 2.0, refusing(10))
        assert delayed(limiter, 2.0) == 59
        respond(limiter, third, 3.0, refusing(60))
        assert delayed(limiter, 3.0) == 60

    def test_only_a_refusal_pauses(self) -> None:
        limiter = RateLimiter()
        for status in (200, 404, 503):
            limiter.release(admitted(limiter, 0.0), 0.0, api_response(b"{}", status, {"retry-after": "30"}))
        limiter.release(admitted(limiter, 0.0), 0.0, is_refused=True)
        admitted(limiter, 0.0)

    def test_a_refusal_of_the_window_itself_ends_with_the_window(self) -> None:
        limiter = exhausted(30)
        probe = limiter.admit(1.0)
        assert probe.is_probe
        respond(limiter, probe, 1.0, stating(0, 29, 1.0, status=429))
        assert delayed(limiter, 1.0) == 29
        respond(limiter, admitted(limiter, 30.0), 30.0, stating(59, 30, 30.0))
        for _ in range(9):
            admitted(limiter, 30.0)

    def test_a_refusal_without_a_time_of_a_request_that_is_no_probe_has_no_effect(self) -> None:
        limiter = RateLimiter()
        respond(limiter, admitted(limiter, 0.0), 0.0, api_response(b"{}", 429))
        for _ in range(9):
            admitted(limiter, 0.0)

    def test_no_refusal_or_error_closes_a_circuit_breaker(self) -> None:
        for status, closes in ((200, True), (404, True), (429, False), (499, True), (500, False)):
            limiter = RateLimiter()
            respond(limiter, admitted(limiter, 0.0), 0.0, refusing(HOUR))
            limiter.release(admitted(limiter, 1.0, POST), 1.0, api_response(b"{}", status))
            assert limiter.admit(1.0, DELETE).is_probe is not closes


FIELDS = ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "date"]
VALUES = ["0", "1", "30", "90", "60", "3600", "1e9", "-1", "", "soon", str(START + HOUR), http_date(START)]
responses = st.builds(
    api_response,
    st.just(b"{}"),
    st.sampled_from([200, 404, 429, 429, 500]),
    st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(VALUES)),
)


@given(st.lists(st.tuples(st.none() | responses, st.sampled_from([0.0, 0.5, 20.0]))))
def test_nothing_that_a_server_says_stops_an_endpoint_for_longer_than_two_minutes(
    script: list[tuple[APIResponse | None, float]],
) -> None:
    limiter, now = RateLimiter(), 0.0
    for response, duration in script:
        outcome = limiter.acquire(now, GET)
        since = now
        while isinstance(outcome, Delay):
            assert 0 < outcome.seconds <= 120
            now += outcome.seconds
            assert now - since <= 120
            outcome = limiter.acquire(now, GET)
        now += duration
        is_refused = response is not None and response.status == 429
        limiter.release(outcome, now, response, is_refused=is_refused)
    assert limiter.in_flight == 0
    limiter.forget()
    admitted(limiter, now)
