"""`timeout` is the whole call: attempts, waits, queueing for a connection, the body."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from fibonacci import APITimeoutError
from tests.faults.calls import always, longest
from tests.kit.assertions import all_modes_at_once
from tests.kit.clock import FakeClock, Standstill
from tests.kit.mode import Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok, raw_then_reset, raw_then_stall, respond


def test_many_attempts_share_the_timeout(mode: Mode, monkeypatch: pytest.MonkeyPatch, standstill: Standstill) -> None:
    monkeypatch.setattr("fibonacci._core.retry.uniform", always(0.15))
    clock = FakeClock(runs=True)

    def late(peer: Peer) -> None:
        if len(server.requests) <= 2:
            clock.advance(0.45)
            respond(500, headers={"Connection": "close"})(peer)
        else:  # for this one 0.3 s are left
            peer.stall()

    with ScriptedServer(late) as server:
        client = mode.client_of(server, timeout=1.5, max_retries=100, clock=clock)
        ended = mode.end(client.request, "GET", "/x")
    assert isinstance(ended.error, APITimeoutError)
    assert ended.seconds - standstill.seconds <= longest(0.3)
    assert len(server.requests) == ended.api_error.attempts == 3


@all_modes_at_once
def test_queueing_for_a_connection_counts_in_the_timeout(mode: Mode, standstill: Standstill) -> None:
    released = threading.Event()
    with ScriptedServer(lambda peer: (released.wait(10), ok(peer))) as server:
        one_connection = mode.socket_transport(max_connections=1)
        client = mode.client_of(server, timeout=10, transport=one_connection)
        first = mode.begin(client.request, "POST", "/first")
        while not server.requests:
            time.sleep(0.005)
        queued = [mode.begin(client.with_options(timeout=0.3).request, "POST", "/queued") for _ in range(3)]
        for call in queued:
            ended = call.result()
            assert type(ended.error) is APITimeoutError
            assert not ended.api_error.outcome_unknown
            assert ended.error.phase == "queue"
            assert sum(ended.error.phases.values()) == pytest.approx(ended.error.phases["queue"])
            assert "while waiting for a free connection: 1 of 1 in use" in str(ended.error)
            assert ended.seconds >= 0.3
            assert ended.seconds - standstill.seconds <= longest(0.3)
        patient = mode.begin(client.request, "POST", "/patient")
        released.set()
        assert first.result().value == patient.result().value == {"fine": True}
    assert [request.target for request in server.requests] == ["/v1/first", "/v1/patient"]
    assert server.connections == 1


def test_a_connection_slot_is_released_after_every_kind_of_end(mode: Mode) -> None:
    steps = [raw_then_reset(b""), respond(500), respond(404), respond(200, b"x" * 2_000_000), raw_then_stall(b""), ok]
    with ScriptedServer(*steps) as server:
        options: dict[str, Any] = {"timeout": 10.0, "max_retries": 0, "max_response_bytes": 1_000_000}
        one_connection = mode.socket_transport(max_connections=1)
        client = mode.client_of(server, transport=one_connection, **options)
        for _ in steps[:-2]:
            assert mode.end(client.request, "POST", "/x").error is not None
        assert type(mode.end(client.with_options(timeout=0.2).request, "POST", "/x").error) is APITimeoutError
        assert mode.run(client.request("POST", "/x")) == {"fine": True}
    assert server.delivered == len(steps)


@all_modes_at_once
def test_timeout_none_sets_no_deadline(mode: Mode) -> None:
    with ScriptedServer(lambda peer: (peer.pause(0.1), ok(peer))) as server:
        assert mode.run(mode.client_of(server, timeout=None).request("GET", "/x")) == {"fine": True}
    assert len(server.requests) == 1
