"""`timeout` is the whole call: attempts, waits, queueing for a connection, the body."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fibonacci import APITimeoutError, RateLimitError, ServerError
from tests.faults.calls import always, longest
from tests.kit.mode import Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, ok, raw_then_reset, raw_then_stall, refusing, respond


def slowly(seconds: float, then: Step = ok) -> Step:
    """Wait, and then do something."""

    def step(peer: Peer) -> None:
        peer.pause(seconds)
        then(peer)

    return step


def test_many_attempts_share_the_timeout(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", always(0.15))  # the third is sent long before the end
    with ScriptedServer(slowly(0.45, respond(500))) as server:
        client = mode.client_of(server, timeout=1.5, max_retries=100)
        ended = mode.end(client.request, "GET", "/x")
    assert isinstance(ended.error, APITimeoutError | ServerError)
    assert ended.seconds <= 1.9
    assert 2 <= len(server.requests) == ended.api_error.attempts <= 4


def test_failing_attempts_share_the_timeout(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", always(0.336))  # the fifth is sent long before the end
    with ScriptedServer(raw_then_reset(b"")) as server:
        ended = mode.end(mode.client_of(server, timeout=1.65, max_retries=30).request, "GET", "/x")
    assert ended.seconds <= 1.7
    assert 4 <= len(server.requests) == ended.api_error.attempts <= 6


def test_a_wait_that_would_not_fit_is_never_started(mode: Mode) -> None:
    with ScriptedServer(refusing(429, {"Retry-After": "0.9"})) as server:
        ended = mode.end(mode.client_of(server, timeout=2.4, max_retries=30).request, "POST", "/x")
    assert isinstance(ended.error, RateLimitError)
    assert ended.error.retry_after == 0.9
    assert ended.seconds <= 2.4
    assert len(server.requests) == 3
    gaps = [later.at - earlier.at for earlier, later in zip(server.requests, server.requests[1:], strict=False)]
    assert min(gaps) >= 0.9


def test_queueing_for_a_connection_counts_in_the_timeout(mode: Mode) -> None:
    with ScriptedServer(slowly(0.7)) as server:
        one_connection = mode.socket_transport(max_connections=1)
        client = mode.client_of(server, timeout=5, transport=one_connection)
        first = mode.begin(client.request, "POST", "/first")
        while not server.requests:
            time.sleep(0.005)
        queued = [mode.begin(client.with_options(timeout=0.3).request, "POST", "/queued") for _ in range(3)]
        for call in queued:
            ended = call.result()
            assert type(ended.error) is APITimeoutError
            assert not ended.api_error.outcome_unknown
            assert 0.3 <= ended.seconds <= longest(0.3)
        patient = mode.begin(client.request, "POST", "/patient")
        assert first.result().value == patient.result().value == {"fine": True}
    assert [request.target for request in server.requests] == ["/v1/first", "/v1/patient"]
    assert server.connections == 1


def test_a_connection_slot_is_released_after_every_kind_of_end(mode: Mode) -> None:
    steps = [raw_then_reset(b""), respond(500), respond(404), respond(200, b"x" * 2_000_000), raw_then_stall(b""), ok]
    with ScriptedServer(*steps) as server:
        options: dict[str, Any] = {"timeout": 0.4, "max_retries": 0, "max_response_bytes": 1_000_000}
        one_connection = mode.socket_transport(max_connections=1)
        client = mode.client_of(server, transport=one_connection, **options)
        for _ in steps[:-1]:
            assert mode.end(client.request, "POST", "/x").error is not None
        assert mode.run(client.request("POST", "/x")) == {"fine": True}
    assert server.delivered == len(steps)


def test_timeout_none_sets_no_deadline(mode: Mode) -> None:
    with ScriptedServer(slowly(0.5)) as server:
        assert mode.run(mode.client_of(server, timeout=None).request("GET", "/x")) == {"fine": True}
    assert len(server.requests) == 1
