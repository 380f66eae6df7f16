"""The rate limiter as a user meets it: which calls wait, which are refused, what is reported, on a clock that skips."""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys
from typing import Any

import pytest

from fibonacci import AsyncFibonacci, RateLimitError, RetryEvent, ServerError, WaitEvent
from tests.kit.assertions import each_row
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import respond_json

HOUR = 3600
WORKFLOW = {"data": {"id": "wf-1"}}


def stating(remaining: int, reset_in: float, clock: FakeClock) -> dict[str, str]:
    """Return the headers of the rate limit; the server's clock is ours."""
    return {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(clock.time() + reset_in)),
    }


def get(mode: Mode, client: Any) -> Any:
    return mode.run(client.workflows.get("wf-1"))


def refused(mode: Mode, client: Any) -> RateLimitError:
    """Return the error of a call that was refused with nothing sent."""
    with pytest.raises(RateLimitError) as caught:
        get(mode, client)
    assert caught.value.attempts == 0
    return caught.value


class TestTrust:
    def test_a_reset_an_hour_away_refuses_calls_for_two_minutes_at_most(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        server.add_response(WORKFLOW, headers=stating(0, HOUR, clock))
        get(mode, caller)
        assert refused(mode, caller).retry_after == 120
        clock.advance(119)
        assert refused(mode, caller.with_options(timeout=0.5)).retry_after == 1
        clock.advance(1)
        server.add_response(WORKFLOW, headers=stating(50, 30, clock))  # the probe's
        for _ in range(3):
            server.add_response(WORKFLOW)
        for _ in range(4):
            get(mode, caller)
        assert clock.slept == []
        assert len(server.requests) == 5

    def test_a_call_with_time_waits_and_is_the_probe(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        server.add_response(WORKFLOW, headers=stating(0, HOUR, clock))
        server.add_response(WORKFLOW)
        get(mode, caller)
        get(mode, caller.with_options(timeout=130))
        assert clock.slept == [120]

    def test_the_error_gives_the_true_figures(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        server.add_response(WORKFLOW, headers=stating(0, 5, clock))
        get(mode, caller)
        clock.advance(0.01)
        error = refused(mode, caller.with_options(timeout=3))
        assert error.retry_after == pytest.approx(5.99)
        assert "0 of 60 left" in str(error)
        assert "retry after 5.99 s" in str(error)
        assert error.rate_limit is not None
        assert (error.rate_limit.limit, error.rate_limit.remaining) == (60, 0)


class TestRefusals:
    def test_a_503_delays_its_own_call_alone(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        server.add_response({}, status=503, headers={"Retry-After": "100"})
        server.add_response(WORKFLOW)
        with pytest.raises(ServerError):
            get(mode, caller)
        assert get(mode, caller).id == "wf-1"
        assert clock.slept == []

    def test_a_429_delays_all_calls_of_the_key(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        server.add_response({}, status=429, headers={"Retry-After": "30"})
        server.add_response(WORKFLOW)
        with pytest.raises(RateLimitError):
            get(mode, caller.with_options(max_retries=0))
        assert get(mode, caller).id == "wf-1"
        assert sum(clock.slept) == pytest.approx(30)

    def test_a_long_one_is_an_error_at_once_and_delays_no_other_call(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        server.add_response({}, status=429, headers={"Retry-After": "99999999"})
        with pytest.raises(RateLimitError) as caught:
            get(mode, caller)
        assert caught.value.retry_after == 99_999_999
        server.add_response(WORKFLOW)
        get(mode, caller)
        assert clock.slept == []
        assert len(server.requests) == 2

    def test_they_do_not_use_up_the_retries(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        for status in (429, 429, 503, 429, 429, 503, 429):
            server.add_response({}, status=status, headers={"Retry-After": "1"})
        server.add_response(WORKFLOW)
        assert get(mode, caller.with_options(max_retries=2)).response.attempts == 8

    def test_the_time_of_the_call_bounds_them(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        for _ in range(20):
            server.add_response({}, status=429, headers={"Retry-After": "10"})
        with pytest.raises(RateLimitError, match=r"retry after 10 s, 6 attempts") as caught:
            get(mode, caller.with_options(timeout=60, max_retries=2))
        assert caught.value.attempts == len(server.requests) == 6

    def test_a_call_without_a_timeout_goes_on(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        for _ in range(110):
            server.add_response({}, status=429, headers={"Retry-After": "60"})
        server.add_response(WORKFLOW)
        # More than the retry quota would pay for at 5 tokens each: the server sets the pace.
        assert get(mode, caller.with_options(timeout=None, max_retries=2)).response.attempts == 111

    def test_a_server_that_asks_for_no_delay_is_not_flooded(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        for _ in range(100):
            server.add_response({}, status=429, headers={"Retry-After": "0"})
        with pytest.raises(RateLimitError):
            get(mode, caller.with_options(timeout=20, max_retries=2))
        assert clock.slept[0] < 0.02
        assert 15 < len(server.requests) < 30


class TestReports:
    def test_a_wait_is_told_once(
        self, mode: Mode, server: ScriptedServer, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="fibonacci")
        events: list[WaitEvent] = []
        server.add_response(WORKFLOW, headers=stating(0, 42, clock))
        server.add_response(WORKFLOW)
        client = mode.client_of(server, on_wait=events.append)
        get(mode, client)
        get(mode, client)
        assert events == [WaitEvent(method="GET", path="/workflows/wf-1", seconds=43, reason="rate_limit")]
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("WARNING", "GET /workflows/wf-1: waiting 43 s for the rate limit (0 of 60 left)")
        ]

    @each_row(("seconds", "level"), [(4, "INFO"), (6, "WARNING")])
    def test_a_long_wait_is_a_warning(
        self, mode: Mode, clock: FakeClock, caplog: pytest.LogCaptureFixture, seconds: int, level: str
    ) -> None:
        caplog.clear()
        caplog.set_level(logging.INFO, logger="fibonacci")
        with ScriptedServer(
            respond_json(WORKFLOW, headers=stating(0, seconds, clock)), respond_json(WORKFLOW)
        ) as server:
            client = mode.client_of(server)
            get(mode, client)
            get(mode, client)
        assert [record.levelname for record in caplog.records] == [level]

    def test_calls_that_wait_at_a_time_are_one_warning(
        self, server: ScriptedServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="fibonacci")
        server.add_response(WORKFLOW, headers=stating(0, 42, FakeClock(runs=True)))
        for _ in range(3):
            server.add_response(WORKFLOW)

        async def main() -> None:
            async with AsyncFibonacci(server.api_key, base_url=server.base_url) as client:
                await client.workflows.get("wf-1")
                calls = [asyncio.create_task(client.workflows.get("wf-1")) for _ in range(3)]
                while len(caplog.records) < 3:
                    await asyncio.sleep(0)
                client.reset_rate_limit()
                await asyncio.gather(*calls)

        asyncio.run(main())
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "INFO"]

    def test_python_shows_it_without_any_setting(self) -> None:
        program = """
from fibonacci.emulator import Emulator
from tests.kit.clock import FakeClock
emulator = Emulator(rate_limit=(1, 30))
client = emulator.client(clock=FakeClock(runs=True), max_retries=0)
client.tools.list().first()
try:
    client.tools.get("calculator")
except Exception:
    pass  # the emulator's own time has not passed
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
        assert re.match(r"GET /tools/calculator: waiting \d\d s for the rate limit \(0 of 1 left\)", done.stderr)

    def test_a_wait_after_a_refusal_is_told_to_both(
        self, mode: Mode, server: ScriptedServer, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="fibonacci")
        waits: list[WaitEvent] = []
        retries: list[RetryEvent] = []
        server.add_response({}, status=429, headers={"Retry-After": "30"})
        server.add_response({}, status=503, headers={"Retry-After": "30"})
        server.add_response(WORKFLOW)
        get(mode, mode.client_of(server, on_wait=waits.append, on_retry=retries.append, timeout=100))
        assert [event.reason for event in retries] == ["status 429", "status 503"]
        assert [(event.reason, event.seconds) for event in waits] == [("rate_limit", retries[0].seconds)]
        lines = [record.getMessage() for record in caplog.records]
        seconds = f"{retries[0].seconds:.0f}"
        assert [line for line in lines if "waiting" in line] == [
            f"GET /workflows/wf-1: waiting {seconds} s for the rate limit"
        ]

    def test_a_short_wait_is_not_told(self, mode: Mode, server: ScriptedServer, clock: FakeClock) -> None:
        events: list[WaitEvent] = []
        server.add_response(WORKFLOW, headers=stating(0, 42, clock))
        server.add_response(WORKFLOW)
        client = mode.client_of(server, on_wait=events.append)
        get(mode, client)
        clock.advance(42.5)
        get(mode, client)
        assert clock.slept == [0.5]
        assert events == []


class TestOff:
    def test_requests_are_sent_without_asking_and_the_limit_is_learned(
        self, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        client = mode.client_of(server, rate_limiter="off")
        for _ in range(3):
            server.add_response(WORKFLOW, headers=stating(0, HOUR, clock))
            get(mode, client)
        assert client.rate_limit.remaining == 0
        # It shares nothing with others of the same key.
        assert mode.client_of(server, rate_limiter="off").rate_limit is None
        server.add_response(WORKFLOW)
        get(mode, mode.client_of(server))
        client.reset_rate_limit()
        assert client.rate_limit is None
        assert clock.slept == []

    def test_a_refused_request_waits_for_itself_alone(
        self, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        client = mode.client_of(server, rate_limiter="off")
        server.add_response({}, status=429, headers={"Retry-After": "30"})
        with pytest.raises(RateLimitError):
            get(mode, client.with_options(max_retries=0))
        server.add_response({}, status=429, headers={"Retry-After": "7"})
        server.add_response(WORKFLOW)
        get(mode, client)
        assert 7 <= sum(clock.slept) < 8


class TestReset:
    def test_the_next_call_asks_the_server(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        server.add_response(WORKFLOW, headers=stating(0, HOUR, clock))
        get(mode, caller)
        refused(mode, caller)
        caller.reset_rate_limit()
        server.add_response(WORKFLOW, headers=stating(9, 30, clock))
        get(mode, caller)
        assert caller.rate_limit.remaining == 9
        caller.reset_rate_limit()
        assert caller.rate_limit is None

    def test_any_client_of_the_key_may_ask_for_it(
        self, caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        server.add_response(WORKFLOW, headers=stating(0, HOUR, clock))
        get(mode, caller)
        mode.client_of(server).reset_rate_limit()
        server.add_response(WORKFLOW)
        get(mode, caller)

    def test_with_a_key_function_it_is_about_the_key_used_last(
        self, mode: Mode, server: ScriptedServer, clock: FakeClock
    ) -> None:
        keys = [f"{server.api_key}-1", f"{server.api_key}-2", f"{server.api_key}-2", f"{server.api_key}-1"]
        client = mode.client_of(server, api_key=lambda: keys.pop(0))
        client.reset_rate_limit()  # nothing is known: nothing happens
        for _ in range(2):
            server.add_response(WORKFLOW, headers=stating(0, HOUR, clock))
            get(mode, client)
        client.reset_rate_limit()
        server.add_response(WORKFLOW)
        get(mode, client)
        refused(mode, client)
