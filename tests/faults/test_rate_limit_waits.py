"""Waiting for the rate limit, in real time: who wakes a call that waits, and who does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial

import anyio
import pytest

from fibonacci import APIConnectionError, AsyncFibonacci, RateLimitError
from tests.kit.assertions import all_modes_at_once
from tests.kit.clock import Standstill
from tests.kit.limits import limits_of
from tests.kit.mode import Callee, Ended, Mode, each_mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import OK_BODY, Step, ok, refusing, respond

CALLS = 4
# Seconds from an event until those whom it wakes have ended their calls: 50 ms on an idle machine.
SOON = 0.5


def stating(remaining: int, reset_in: float) -> Step:
    """Respond with the rate limit, of which so much remains for so long."""

    def step(peer: Peer) -> None:
        headers = {
            "X-RateLimit-Limit": "60",
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(reset_in),
        }
        respond(200, OK_BODY, headers)(peer)

    return step


def wait_until_queued(platform: Callee, number: int) -> None:
    """Return when so many calls wait for the rate limit."""
    ends = time.monotonic() + 10
    while limits_of(platform).queued != number:
        assert time.monotonic() < ends, limits_of(platform).queued
        time.sleep(0.002)


@pytest.fixture
def exhausted() -> Iterator[ScriptedServer]:
    """Return a server that states in its first response that no request is left for half a minute."""
    with ScriptedServer(stating(0, 30), ok) as server:
        yield server


def ends_of(begun: list[Future[Ended]]) -> list[Ended]:
    """Return how calls ended, which must be soon."""
    with Standstill() as standstill:
        before = time.monotonic()
        ended = [call.result(timeout=10) for call in begun]
        assert time.monotonic() - before - standstill.seconds < SOON
    return ended


@each_mode
def test_a_reset_wakes_all_that_wait(mode: Mode, exhausted: ScriptedServer) -> None:
    client = mode.client_of(exhausted)
    mode.run(client.request("GET", "/x"))
    begun = [mode.begin(client.request, "GET", "/x") for _ in range(CALLS)]
    wait_until_queued(exhausted, CALLS)
    client.reset_rate_limit()
    assert all(ended.error is None for ended in ends_of(begun))
    assert limits_of(exhausted).queued == limits_of(exhausted).in_flight == 0


@all_modes_at_once
def test_a_reset_wakes_those_who_were_refused(mode: Mode) -> None:
    with ScriptedServer(refusing(429, {"Retry-After": "30"}), ok) as server:
        client = mode.client_of(server)
        begun = mode.begin(client.request, "GET", "/x")
        wait_until_queued(server, 1)
        client.reset_rate_limit()
        assert ends_of([begun])[0].error is None
    assert len(server.requests) == 2


@each_mode
def test_closing_a_client_ends_its_waits_and_no_others(mode: Mode, exhausted: ScriptedServer) -> None:
    client, other = mode.client_of(exhausted), mode.client_of(exhausted)
    mode.run(client.request("GET", "/x"))
    begun = [mode.begin(client.with_options(timeout=50).request, "GET", "/x") for _ in range(CALLS)]
    others = [mode.begin(other.request, "GET", "/x") for _ in range(CALLS)]
    wait_until_queued(exhausted, 2 * CALLS)
    mode.close(client)
    for ended in ends_of(begun):
        assert type(ended.error) is APIConnectionError
        assert ended.api_error.attempts == 0
        assert "the client was closed" in str(ended.error)
        assert not ended.api_error.outcome_unknown
    assert limits_of(exhausted).queued == CALLS
    assert not any(call.done() for call in others)
    other.reset_rate_limit()
    assert all(ended.error is None for ended in ends_of(others))
    assert mode.end(client.request, "GET", "/x").error is None


@all_modes_at_once
def test_a_call_waits_no_longer_than_its_time(mode: Mode, standstill: Standstill) -> None:
    """One request is left and in flight: its response may say that more are, so the wait is not refused at once."""
    released = threading.Event()

    def long(peer: Peer) -> None:
        released.wait(10)
        ok(peer)

    with ScriptedServer(stating(1, 30), long, ok) as server:
        client = mode.client_of(server)
        mode.run(client.request("GET", "/x"))
        first = mode.begin(client.request, "GET", "/x")
        while len(server.requests) < 2:
            time.sleep(0.002)
        ended = mode.end(client.with_options(timeout=0.3).request, "GET", "/x")
        released.set()
        assert first.result().error is None
    assert isinstance(ended.error, RateLimitError)
    assert 0.3 <= ended.seconds < 0.3 + SOON + standstill.seconds
    assert ended.error.retry_after == pytest.approx(30, abs=1.5)
    assert "0 of 60 left" in str(ended.error)
    assert len(server.requests) == 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_canceled_call_leaves_the_queue(backend: str) -> None:
    async def main(server: ScriptedServer) -> None:
        async with AsyncFibonacci(server.api_key, base_url=server.base_url) as client:
            await client.request("GET", "/x")
            with anyio.move_on_after(0.1):
                async with anyio.create_task_group() as group:
                    for _ in range(CALLS):
                        group.start_soon(partial(client.request, "GET", "/x"))
            assert limits_of(server).queued == limits_of(server).in_flight == 0

    with ScriptedServer(stating(0, 30), ok) as server:
        anyio.run(main, server, backend=backend)
    assert len(server.requests) == 1
