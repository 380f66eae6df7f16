"""`timeout` is the whole call: attempts, waits, queueing for a connection, the body."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fibonacci import APITimeoutError, RateLimitError, ServerError
from tests.faults.driving import COLOURS, Colour, Driver, always, longest
from tests.faults.faults import answer, ok, raw_then_reset, raw_then_stall, refusing
from tests.faults.server import Act, FaultServer, Peer

pytestmark = pytest.mark.parametrize("colour", COLOURS)


def slowly(seconds: float, then: Act = ok) -> Act:
    """Wait, and then do something."""

    def act(peer: Peer) -> None:
        peer.pause(seconds)
        then(peer)

    return act


def test_many_attempts_share_it(colour: Colour) -> None:
    with FaultServer(slowly(0.15, answer(500))) as server, Driver(colour) as driver:
        client = driver.client(server.base_url, timeout=0.5, max_retries=100)
        ended = driver.end(client.request, "GET", "/x")
    assert isinstance(ended.error, APITimeoutError | ServerError)
    assert ended.seconds <= longest(0.5)
    assert 2 <= len(server.requests) == ended.api_error.attempts <= 4


def test_attempts_that_break_share_it(colour: Colour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fibonacci._core.retry.backoff", always(0.1))
    with FaultServer(raw_then_reset(b"")) as server, Driver(colour) as driver:
        ended = driver.end(driver.client(server.base_url, timeout=0.55, max_retries=30).request, "GET", "/x")
    assert ended.seconds <= 0.6
    assert 4 <= len(server.requests) == ended.api_error.attempts <= 6


def test_a_wait_is_never_begun_that_would_not_fit(colour: Colour) -> None:
    with FaultServer(refusing(429, {"Retry-After": "0.3"})) as server, Driver(colour) as driver:
        ended = driver.end(driver.client(server.base_url, timeout=0.8, max_retries=30).request, "POST", "/x")
    assert isinstance(ended.error, RateLimitError)
    assert ended.error.retry_after == 0.3
    assert ended.seconds <= 0.8
    assert len(server.requests) == 3
    gaps = [later.at - earlier.at for earlier, later in zip(server.requests, server.requests[1:], strict=False)]
    assert min(gaps) >= 0.3


def test_queueing_for_a_connection_is_part_of_it(colour: Colour) -> None:
    with FaultServer(slowly(0.7)) as server, Driver(colour) as driver:
        one_connection = driver.socket_transport(max_connections=1)
        client = driver.client(server.base_url, timeout=5, transport=one_connection)
        first = driver.begin(client.request, "POST", "/first")
        while not server.requests:
            time.sleep(0.005)
        queued = [driver.begin(client.with_options(timeout=0.3).request, "POST", "/queued") for _ in range(3)]
        for call in queued:
            ended = call.result()
            assert type(ended.error) is APITimeoutError
            assert not ended.api_error.outcome_unknown
            assert 0.3 <= ended.seconds <= longest(0.3)
        patient = driver.begin(client.request, "POST", "/patient")
        assert first.result().value == patient.result().value == {"fine": True}
    assert [request.target for request in server.requests] == ["/v1/first", "/v1/patient"]
    assert server.connections == 1


def test_a_place_is_free_again_after_every_kind_of_end(colour: Colour) -> None:
    acts = [raw_then_reset(b""), answer(500), answer(404), answer(200, b"x" * 2_000_000), raw_then_stall(b""), ok]
    with FaultServer(*acts) as server, Driver(colour) as driver:
        options: dict[str, Any] = {"timeout": 0.4, "max_retries": 0, "max_response_bytes": 1_000_000}
        one_connection = driver.socket_transport(max_connections=1)
        client = driver.client(server.base_url, transport=one_connection, **options)
        for _ in acts[:-1]:
            assert driver.end(client.request, "POST", "/x").error is not None
        assert driver.call(client.request, "POST", "/x") == {"fine": True}
    assert server.delivered == len(acts)


def test_no_limit_is_no_limit(colour: Colour) -> None:
    with FaultServer(slowly(0.5)) as server, Driver(colour) as driver:
        assert driver.call(driver.client(server.base_url, timeout=None).request, "GET", "/x") == {"fine": True}
    assert len(server.requests) == 1
