"""The queue of the calls that wait for the rate limit, and the retry quota."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from fibonacci._core.response import APIResponse
from fibonacci._core.retry import Attempt
from fibonacci._core.shared_limits import SharedLimits, shared_limits
from fibonacci._core.stored_window import StoredLimits
from fibonacci._core.window import Admission
from tests.core.responses import api_response
from tests.kit.assertions import each_row
from tests.kit.clock import START
from tests.tools.benchmarks.guards import lines_run

STATED = {"x-ratelimit-limit": "3", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(START + 60)}


def attempt_of(response: APIResponse) -> Attempt:
    """Return the first attempt of a call that is not to be repeated."""
    return Attempt(response, response.status == 200, "GET", number=1, remaining=None, max_retries=0)


class Sleeper:
    """A call in the queue that counts how often it is woken; its event loop may be closed."""

    def __init__(self, *, is_gone: bool = False) -> None:
        self.call = Admission(self._wake)
        self.woken = 0
        self._is_gone = is_gone

    def _wake(self) -> None:
        if self._is_gone:
            raise RuntimeError("the event loop is closed")
        self.woken += 1


def settle(limits: SharedLimits, now: float, *, remaining: int, reset_in: float) -> None:
    """Let a request end at once, with a response that states the rate limit."""
    admission = Admission()
    assert limits.acquire(admission, now) is None
    headers = {**STATED, "x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": str(START + reset_in)}
    limits.settle(admission, attempt_of(api_response(b"{}", headers=headers)), now)


def exhausted() -> SharedLimits:
    """Return limits of 3 requests in a window, of which none is left for 31 seconds from 0."""
    limits = SharedLimits()
    settle(limits, 0.0, remaining=0, reset_in=30)
    return limits


def queued(limits: SharedLimits, *sleepers: Sleeper, now: float = 1.0) -> None:
    for sleeper in sleepers:
        assert limits.acquire(sleeper.call, now) is not None


def test_calls_are_admitted_in_their_order_and_none_overtakes() -> None:
    limits = exhausted()
    sleepers = [Sleeper() for _ in range(5)]
    queued(limits, *sleepers)
    assert limits.acquire(Admission(), 31.0) is not None  # a new call: whoever waits comes first
    assert all(sleeper.woken for sleeper in sleepers[:3])
    assert [limits.acquire(sleeper.call, 31.0) is None for sleeper in sleepers] == [True] * 3 + [False] * 2


def test_nobody_is_woken_while_nothing_changes() -> None:
    limits = exhausted()
    sleepers = [Sleeper() for _ in range(5)]
    queued(limits, *sleepers)
    before = [sleeper.woken for sleeper in sleepers]
    for sleeper in sleepers:
        limits.acquire(sleeper.call, 2.0)
    assert [sleeper.woken for sleeper in sleepers] == before


def leave(limits: SharedLimits, *calls: Admission) -> None:
    """Let calls leave the queue, and release what they were admitted for."""
    for call in calls:
        limits.settle(call, None, 31.0)


def test_a_call_that_leaves_gives_its_admission_to_the_next() -> None:
    limits = exhausted()
    sleepers = [Sleeper() for _ in range(4)]
    queued(limits, *sleepers)
    limits.acquire(sleepers[3].call, 31.0)  # time has passed: three are admitted, and do not take it yet
    woken = sleepers[3].woken
    leave(limits, sleepers[0].call)
    assert (limits.in_flight, limits.queued, sleepers[3].woken) == (3, 0, woken + 1)
    leave(limits, *(sleeper.call for sleeper in sleepers))
    assert limits.in_flight == limits.queued == 0


def test_a_call_whose_event_loop_is_closed_is_passed_over() -> None:
    limits = exhausted()
    gone, there = [Sleeper(is_gone=True) for _ in range(9)], Sleeper()
    queued(limits, *gone, there)
    limits.acquire(there.call, 31.0)
    assert there.woken
    assert limits.in_flight <= 1
    assert limits.queued == 0


def test_a_reset_wakes_all() -> None:
    limits = exhausted()
    sleepers = [Sleeper() for _ in range(9)]
    queued(limits, *sleepers)
    would_sleep_again: list[bool] = []
    refused = Admission(lambda: would_sleep_again.append(refused in limits.refused))
    limits.refused.add(refused)
    limits.reset(1.0)
    assert all(sleeper.woken for sleeper in sleepers)
    assert would_sleep_again == [False]
    assert limits.last is None
    assert limits.left is None


def test_a_window_that_ends_sooner_wakes_all() -> None:
    limits = SharedLimits()
    settle(limits, 0.0, remaining=1, reset_in=60)
    late = Admission()
    assert limits.acquire(late, 1.5) is None
    sleepers = [Sleeper() for _ in range(3)]
    queued(limits, *sleepers, now=1.6)
    before = [sleeper.woken for sleeper in sleepers]
    headers = {**STATED, "x-ratelimit-reset": str(START + 10)}
    limits.settle(late, attempt_of(api_response(b"{}", headers=headers)), 2.0)
    assert all(sleeper.woken > woken for sleeper, woken in zip(sleepers, before, strict=True))


def test_of_long_waits_at_the_same_time_one_is_news() -> None:
    limits = SharedLimits()
    times = (0.0, 9.9, 10.0, 19.9)
    assert [limits.is_news(seconds, now) for now in times for seconds in (5.0, 10.0)] == [False, True, False, False] * 2


def test_without_enforcement_all_are_admitted_and_the_limit_is_learned() -> None:
    limits = SharedLimits(is_enforced=False)
    settle(limits, 0.0, remaining=0, reset_in=30)
    assert all(limits.acquire(Admission(), 1.0) is None for _ in range(100))
    assert limits.last is not None
    assert limits.last.remaining == 0


def test_a_request_in_flight_costs_the_same_however_many_there_are() -> None:
    def work(number: int) -> int:
        limits = SharedLimits()
        ended = attempt_of(api_response(b"{}", headers={**STATED, "x-ratelimit-remaining": "9"}))
        admissions = [Admission() for _ in range(number)]
        for second, admission in enumerate(admissions):
            assert limits.acquire(admission, second / 100) is None
        return lines_run(lambda: [limits.settle(each, ended, 50.0) for each in reversed(admissions)])

    assert work(1000) / work(250) < 4.1


@each_row("is_stored", [False, True])
def test_a_change_of_the_delay_takes_as_many_steps_for_each_call_however_many_there_are(is_stored: bool) -> None:
    """It wakes each of them, and each asks for its delay then."""

    def steps(number: int) -> int:
        limits: Any = StoredLimits() if is_stored else exhausted()
        sleepers = [Sleeper() for _ in range(number)]
        queued(limits, *sleepers)

        def change() -> None:
            limits._window.pause(2.0, 40.0)
            for sleeper in sleepers:
                assert limits.acquire(sleeper.call, 2.0) is not None

        lines = lines_run(change)
        assert all(sleeper.woken for sleeper in sleepers)
        return lines

    assert steps(400) / steps(100) < 4.2


def test_the_limits_that_were_not_used_for_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: OrderedDict[object, SharedLimits] = OrderedDict()
    monkeypatch.setattr("fibonacci._core.shared_limits._shared", kept)
    keys = [f"key {number}" for number in range(1024)]
    first = [shared_limits("http://h", key) for key in keys]
    assert shared_limits("http://h", keys[0]) is first[0]
    shared_limits("http://h", "one more")
    assert shared_limits("http://h", keys[0]) is first[0]
    assert shared_limits("http://h", keys[1]) is not first[1]
    assert len(kept) == 1024
