"""Nothing runs twice: with a server that honors idempotency keys, and with one that may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fibonacci import NotFoundError
from fibonacci.emulator import Emulator
from tests.faults.expectations import MAX_RETRIES
from tests.faults.relay import Relay
from tests.kit.assertions import appears, check_rows, each_row
from tests.kit.mode import Mode, both_modes
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, error_body, ok, raw_then_close, raw_then_reset, respond, respond_json

LOST: dict[str, Step] = {
    "reset": raw_then_reset(b""),
    "closed": raw_then_close(b""),
    "500": respond(500),
    "502": respond(502),
    "503": respond(503),
    "504": respond(504),
}


def _workflow(emulator: Emulator) -> str:
    nodes = [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]
    client = emulator.client()
    return client.workflows.create(name="Greeting", definition={"name": "Greeting", "nodes": nodes}).id


def _executions(emulator: Emulator, workflow_id: str) -> list[Any]:
    return list(emulator.client().executions.list(workflow_id=workflow_id))


def test_a_lost_response_does_not_run_the_workflow_again(mode: Mode, emulator: Emulator) -> None:
    workflow = _workflow(emulator)
    with Relay(_port(emulator), losses=1) as relay:
        client = mode.client_of(relay, api_key=emulator.api_key)
        ended = mode.end(client.workflows.execute, workflow, inputs={"name": "Ada"})
    assert relay.lost == 1
    assert ended.api_error.outcome_unknown
    assert ended.api_error.attempts == 1
    assert ended.api_error.idempotency_key is not None
    assert ended.api_error.idempotency_key in str(ended.api_error)
    assert len(_executions(emulator, workflow)) == 1


@each_row("losses", [1, MAX_RETRIES])
def test_a_server_that_honors_keys_shows_one_execution(mode: Mode, losses: int, emulator: Emulator) -> None:
    workflow = _workflow(emulator)
    with Relay(_port(emulator), losses=losses) as relay:
        client = mode.client_of(relay, api_key=emulator.api_key, idempotency="server")
        execution = mode.run(client.workflows.execute(workflow, inputs={"name": "Ada"}))
    assert relay.lost == losses
    assert execution.response.attempts == losses + 1
    assert [one.id for one in _executions(emulator, workflow)] == [execution.id]


def test_with_trust_in_keys_posts_are_retried_with_one_key(mode: Mode) -> None:
    def check(lost: Step) -> None:
        with ScriptedServer(lost, lost, ok) as server:
            client = mode.client_of(server, idempotency="server")
            assert mode.run(client.request("POST", "/x", json={})) == {"fine": True}
        assert server.delivered == 3
        assert len({request.one("idempotency-key") for request in server.requests}) == 1

    check_rows(LOST.items(), check, at_once=len(LOST))


def test_trust_in_keys_does_not_cover_patch(mode: Mode) -> None:
    def check(lost: Step) -> None:
        with ScriptedServer(lost) as server:
            client = mode.client_of(server, idempotency="server")
            ended = mode.end(client.request, "PATCH", "/x", json={})
        assert server.delivered == len(server.requests) == 1
        assert ended.api_error.outcome_unknown

    check_rows(LOST.items(), check)


MISSING = respond(404, error_body("not_found", "There is no workflow 'wf-1'"))
DELETES: dict[str, Callable[[Any], Any]] = {
    "workflows.delete": lambda client: client.workflows.delete("wf-1"),
    "memory.delete": lambda client: client.memory.delete("k"),
    "request": lambda client: client.request("DELETE", "/x"),
    "request, typed": lambda client: client.request("DELETE", "/x", returns=type(None)),
}


def test_a_delete_whose_response_was_lost_has_done_its_work(mode: Mode) -> None:
    def check(delete: Callable[[Any], Any]) -> None:
        for lost in (LOST["reset"], LOST["502"]):
            with ScriptedServer(lost, MISSING) as server:
                assert mode.run(delete(mode.client_of(server))) is None
            assert len(server.requests) == 2
        with ScriptedServer(LOST["reset"], respond_json({"detail": "Workflow not found"}, 404)) as server:
            assert mode.run(delete(mode.client_of(server, base_url=server.origin, api_version="0.2"))) is None

    check_rows(DELETES.items(), check)


NOT_DONE: dict[str, tuple[str, list[Step]]] = {
    "there was nothing to delete": ("DELETE", [MISSING]),
    "the first attempt was never carried out": ("DELETE", [respond(429, b"{}", {"Retry-After": "0"}), MISSING]),
    "a gateway knows no route": ("DELETE", [LOST["502"], respond(404, b"<h1>Not Found</h1>")]),
    "a read": ("GET", [LOST["502"], MISSING]),
    "a wrong path": (
        "DELETE",
        [
            LOST["502"],
            respond_json({"error": {"code": "not_found", "message": "?", "details": [{"field": "path"}]}}, 404),
        ],
    ),
}


def test_any_other_404_is_an_error(mode: Mode) -> None:
    def check(row: tuple[str, list[Step]]) -> None:
        method, steps = row
        with ScriptedServer(*steps) as server:
            ended = mode.end(mode.client_of(server).request, method, "/x")
        assert isinstance(ended.error, NotFoundError)
        assert server.delivered == len(steps)

    check_rows(NOT_DONE.items(), check)


@both_modes
def test_a_kept_connection_that_the_server_closed_is_not_used(mode: Mode) -> None:
    def respond_and_reset(peer: Any) -> None:
        ok(peer)
        peer.reset()

    with ScriptedServer(respond_and_reset) as server:
        client = mode.client_of(server)
        for _ in range(5):
            assert mode.run(client.request("POST", "/x", json={})) == {"fine": True}
            assert appears(lambda: server.live_connections == 0)
    assert server.connections == len(server.requests) == 5


def _port(emulator: Emulator) -> int:
    return int(emulator.base_url.rpartition(":")[2].partition("/")[0])
