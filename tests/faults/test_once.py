"""Nothing runs twice: with a server that honours keys, and with one of which that is not known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from tests.faults.driving import COLOURS, Colour, Driver
from tests.faults.expectations import MAX_RETRIES
from tests.faults.faults import answer, ok, raw_then_close, raw_then_reset, raw_then_stall
from tests.faults.relay import LosingRelay
from tests.faults.server import Act, FaultServer

pytestmark = pytest.mark.parametrize("colour", COLOURS)
LOST: dict[str, Act] = {
    "reset": raw_then_reset(b""),
    "closed": raw_then_close(b""),
    "500": answer(500),
    "502": answer(502),
    "503": answer(503),
    "504": answer(504),
}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


def _workflow(emulator: Emulator) -> str:
    nodes = [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]
    client = emulator.client()
    return client.workflows.create(name="Greeting", definition={"name": "Greeting", "nodes": nodes}).id


def _executions(emulator: Emulator, workflow_id: str) -> list[Any]:
    return list(emulator.client().executions.list(workflow_id=workflow_id))


def test_an_answer_that_is_lost_does_not_run_the_workflow_again(colour: Colour, emulator: Emulator) -> None:
    workflow = _workflow(emulator)
    with LosingRelay(_port(emulator), losses=1) as relay, Driver(colour) as driver:
        client = driver.client(relay.base_url, api_key=emulator.api_key)
        ended = driver.end(client.workflows.execute, workflow, inputs={"name": "Ada"})
    assert relay.lost == 1
    assert ended.api_error.outcome_unknown
    assert ended.api_error.attempts == 1
    assert ended.api_error.idempotency_key is not None
    assert ended.api_error.idempotency_key in str(ended.api_error)
    assert len(_executions(emulator, workflow)) == 1


@pytest.mark.parametrize("losses", [1, MAX_RETRIES])
def test_a_server_that_honours_keys_shows_one_execution(colour: Colour, losses: int, emulator: Emulator) -> None:
    workflow = _workflow(emulator)
    with LosingRelay(_port(emulator), losses=losses) as relay, Driver(colour) as driver:
        client = driver.client(relay.base_url, api_key=emulator.api_key, idempotency="server")
        execution = driver.call(client.workflows.execute, workflow, inputs={"name": "Ada"})
    assert relay.lost == losses
    assert execution.response.attempts == losses + 1
    assert [one.id for one in _executions(emulator, workflow)] == [execution.id]


def test_two_calls_have_two_keys(colour: Colour, emulator: Emulator) -> None:
    workflow = _workflow(emulator)
    with LosingRelay(_port(emulator), losses=0) as relay, Driver(colour) as driver:
        client = driver.client(relay.base_url, api_key=emulator.api_key, idempotency="server")
        ids = {driver.call(client.workflows.execute, workflow).id for _ in range(2)}
    assert {one.id for one in _executions(emulator, workflow)} == ids
    assert len(ids) == 2


@pytest.mark.parametrize("lost", LOST)
def test_with_trust_posts_are_repeated_with_one_key(colour: Colour, lost: str) -> None:
    with FaultServer(LOST[lost], LOST[lost], ok) as server, Driver(colour) as driver:
        client = driver.client(server.base_url, idempotency="server")
        assert driver.call(client.request, "POST", "/x", json={}) == {"fine": True}
    assert server.delivered == 3
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1


@pytest.mark.parametrize("lost", LOST)
def test_trust_is_not_for_patches(colour: Colour, lost: str) -> None:
    with FaultServer(LOST[lost]) as server, Driver(colour) as driver:
        client = driver.client(server.base_url, idempotency="server")
        ended = driver.end(client.request, "PATCH", "/x", json={})
    assert server.delivered == len(server.requests) == 1
    assert ended.api_error.outcome_unknown


def test_trust_that_is_used_up_leaves_the_outcome_unknown(colour: Colour) -> None:
    with FaultServer(raw_then_reset(b"")) as server, Driver(colour) as driver:
        client = driver.client(server.base_url, idempotency="server")
        ended = driver.end(client.request, "POST", "/x", json={})
    assert len(server.requests) == 1 + MAX_RETRIES
    assert ended.api_error.outcome_unknown


def test_a_kept_connection_that_the_server_closed_is_not_used(colour: Colour) -> None:
    def answer_and_leave(peer: Any) -> None:
        ok(peer)
        peer.reset()

    with FaultServer(answer_and_leave) as server, Driver(colour) as driver:
        client = driver.client(server.base_url)
        for _ in range(5):
            assert driver.call(client.request, "POST", "/x", json={}) == {"fine": True}
            while server.live_connections:
                pass
    assert server.connections == len(server.requests) == 5


def test_a_timeout_of_a_post_says_that_it_may_have_been_carried_out(colour: Colour) -> None:
    with FaultServer(raw_then_stall(b"")) as server, Driver(colour) as driver:
        client = driver.client(server.base_url, timeout=0.3, idempotency="server")
        ended = driver.end(client.request, "POST", "/x", json={})
    assert server.delivered == 1
    assert ended.api_error.outcome_unknown
    assert "may have been carried out" in str(ended.api_error)


def _port(emulator: Emulator) -> int:
    return int(emulator.base_url.rpartition(":")[2].partition("/")[0])
