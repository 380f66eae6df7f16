"""The queue of the calls that wait for the rate limit, and the retry quota."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, cast

import pytest

from fibonacci._core.leased_window import LeasedLimits
from fibonacci._core.response import APIResponse
from fibonacci._core.retry import Attempt
from fibonacci._core.shared_limits import QueuedCall, SharedLimits, shared_limits
from fibonacci._core.window import Admission, Delay
from tests.core.responses import api_response
from tests.kit.assertions import each_row
from tests.kit.clock import START
from tests.tools.benchmarks.guards import lines_run

ENDPOINT = ("GET", "/x")
OTHER = ("GET", "/y")
STATED = {"x-ratelimit-limit": "3", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(START + 60)}


def attempt_of(response: APIResponse) -> Attempt:
    """Return the first attempt of a call that is not to be repeated."""
    return Attempt(response, response.status == 200, "GET", number=1, remaining=None, max_retries=0)


class Sleeper:
    """A call in the queue that counts how often it is woken; its event loop may be closed."""

    def __init__(self, endpoint: tuple[str, str] = ENDPOINT, *, is_gone: bool = False) -> None:
        self.call = QueuedCall(self._wake, Admission(0.0, endpoint))
        self.woken = 0
        self._is_gone = is_gone

    def _wake(self) -> None:
        if self._is_gone:
            raise RuntimeError("the event loop is closed")
        self.woken += 1


def settle(limits: SharedLimits, now: float, *, remaining: int, reset_in: float) -> None:
    """Let a request end at once, with a response that states the rate limit."""
    admission = limits.acquire(now, ENDPOINT)
    assert isinstance(admission, Admission)
    headers = {**STATED, "x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": str(START + reset_in)}
    limits.settle(admission, attempt_of(api_response(b"{}", headers=headers)), now)


def exhausted() -> SharedLimits:
    """Return limits of 3 requests in a window, of which none is left for 30 seconds from 0."""
    limits = SharedLimits()
    settle(limits, 0.0, remaining=0, reset_in=30)
    return limits


def queued(limits: SharedLimits, *sleepers: Sleeper, now: float = 1.0) -> None:
    for sleeper in sleepers:
        assert isinstance(limits.queue(sleeper.call, now), Delay)


def test_calls_are_admitted_in_their_order_and_none_overtakes() -> None:
    limits = exhausted()
    sleepers = [Sleeper() for _ in range(5)]
    queued(limits, *sleepers)
    assert isinstance(limits.acquire(30.0, ENDPOINT), Delay)  # a new call: whoever waits comes first
    assert [isinstance(limits.queue(sleeper.call, 30.0), Admission) for sleeper in sleepers] == [True] + [False] * 4
    assert isinstance(limits.acquire(30.5, ENDPOINT), Delay)  # the first of the window has had its time
    assert all(sleeper.woken for sleeper in sleepers[:3])
    admitted = [isinstance(limits.queue(sleeper.call, 30.5), Admission) for sleeper in sleepers[1:]]
    assert admitted == [True] * 2 + [False] * 2


def test_nobody_is_woken_while_nothing_changes() -> None:
    limits = exhausted()
    sleepers = [Sleeper() for _ in range(5)]
    queued(limits, *sleepers)
    before = [sleeper.woken for sleeper in sleepers]
    for sleeper in sleepers:
        limits.queue(sleeper.call, 2.0)
    assert [sleeper.woken for sleeper in sleepers] == before


def leave(limits: SharedLimits, *calls: QueuedCall) -> None:
    """Let calls leave the queue, and release what they were admitted for."""
    for call in calls:
        limits.leave(call, 30.0)
        if call.admission is not None:
            limits.settle(call.admission, None, 30.0)


def test_a_call_that_leaves_gives_its_admission_to_the_next() -> None:
    limits = exhausted()
    sleepers = [Sleeper() for _ in range(4)]
    queued(limits, *sleepers)
    limits.queue(sleepers[3].call, 30.0)  # time has passed: the first is admitted, and does not take it yet
    woken = sleepers[1].woken
    leave(limits, sleepers[0].call)
    assert (limits.in_flight, limits.queued, sleepers[1].woken) == (1, 2, woken + 1)
    leave(limits, *(sleeper.call for sleeper in sleepers))
    assert limits.in_flight == limits.queued == 0


def test_a_call_whose_event_loop_is_closed_is_passed_over() -> None:
    limits = exhausted()
    gone, there = [Sleeper(is_gone=True) for _ in range(9)], Sleeper()
    queued(limits, *gone, there)
    limits.queue(there.call, 30.0)
    assert there.woken
    assert limits.in_flight <= 1
    assert limits.queued == 0


def test_a_stopped_endpoint_does_not_stop_those_behind_it() -> None:
    limits = SharedLimits()
    admission = limits.acquire(0.0, ENDPOINT)
    assert isinstance(admission, Admission)
    limits.settle(admission, attempt_of(api_response(b"{}", 429, {"retry-after": "3600"})), 0.0)
    first, probe, third = Sleeper(), Sleeper(OTHER), Sleeper(OTHER)
    queued(limits, first)
    admission = limits.queue(probe.call, 1.0)
    assert isinstance(admission, Admission)
    queued(limits, third)
    limits.settle(admission, attempt_of(api_response(b"{}")), 2.0)
    assert limits.queue(third.call, 2.0) is third.call.admission
    assert isinstance(limits.queue(first.call, 2.0), Delay)


def test_a_reset_wakes_all() -> None:
    limits = exhausted()
    sleepers = [Sleeper() for _ in range(9)]
    after_a_refusal = QueuedCall(lambda: None)
    queued(limits, *sleepers)
    limits.queue(after_a_refusal, 1.0)
    limits.reset(1.0)
    assert all(sleeper.woken for sleeper in sleepers)
    assert after_a_refusal.is_reset
    assert limits.last is None
    assert limits.left is None


def test_a_window_that_ends_sooner_wakes_all() -> None:
    limits = SharedLimits()
    settle(limits, 0.0, remaining=1, reset_in=60)
    late = limits.acquire(0.5, ENDPOINT)
    assert isinstance(late, Admission)
    sleepers = [Sleeper() for _ in range(3)]
    queued(limits, *sleepers)
    before = [sleeper.woken for sleeper in sleepers]
    headers = {**STATED, "x-ratelimit-reset": str(START + 10)}
    limits.settle(late, attempt_of(api_response(b"{}", headers=headers)), 2.0)
    assert all(sleeper.woken > woken for sleeper, woken in zip(sleepers, before, strict=True))


def test_without_enforcement_all_are_admitted_and_the_limit_is_learned() -> None:
    limits = SharedLimits(is_enforced=False)
    settle(limits, 0.0, remaining=0, reset_in=30)
    assert all(isinstance(limits.acquire(1.0, ENDPOINT), Admission) for _ in range(100))
    assert limits.last is not None
    assert limits.last.remaining == 0


def test_a_request_in_flight_costs_the_same_however_many_there_are() -> None:
    def work(number: int) -> int:
        limits = SharedLimits()
        ended = attempt_of(api_response(b"{}", headers={**STATED, "x-ratelimit-remaining": "9"}))
        admissions = [limits.acquire(second / 100, ENDPOINT) for second in range(number)]
        return lines_run(lambda: [limits.settle(cast("Admission", it), ended, 50.0) for it in reversed(admissions)])

    assert work(1000) / work(250) < 4.1


@each_row("is_leased", [False, True])
def test_a_change_of_the_delay_takes_as_many_steps_for_each_call_however_many_there_are(
    is_leased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wakes each of them, and each asks for its delay then."""
    copied: list[int] = []

    def counting(items: Iterable[Any]) -> list[Any]:
        copied.extend([1] * len(result := [*items]))
        return result

    monkeypatch.setattr("fibonacci._core.shared_limits.list", counting, raising=False)

    def steps(number: int) -> int:
        limits: Any = LeasedLimits(lambda: None) if is_leased else exhausted()
        sleepers = [Sleeper() for _ in range(number)]
        queued(limits, *sleepers)
        copied.clear()

        def change() -> None:
            limits._limiter.window.pause(2.0, 40.0)
            for sleeper in sleepers:
                assert isinstance(limits.queue(sleeper.call, 2.0), Delay)

        lines = lines_run(change)
        assert is_leased or all(sleeper.woken for sleeper in sleepers)
        return lines + len(copied)

    assert steps(400) / steps(100) < 4.2


def test_the_oldest_limits_are_forgotten_and_never_those_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: OrderedDict[object, SharedLimits] = OrderedDict()
    monkeypatch.setattr("fibonacci._core.shared_limits._shared", kept)
    in_force = shared_limits("http://h", "in force")
    admission = in_force.acquire(time.monotonic(), ENDPOINT)
    assert isinstance(admission, Admission)
    refused = attempt_of(api_response(b"{}", 429, {"retry-after": "60"}))
    in_force.settle(admission, refused, time.monotonic())
    keys = [f"key {number}" for number in range(1100)]
    first = [shared_limits("http://h", key) for key in keys]
    again = [shared_limits("http://h", key) for key in keys[-1000:]]
    assert all(one is other for one, other in zip(first[-1000:], again, strict=True))
    assert shared_limits("http://h", "in force") is in_force
    assert shared_limits("http://h", keys[0]) is not first[0]
