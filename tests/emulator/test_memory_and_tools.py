from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from fibonacci.errors import NotFoundError
from tests.emulator.api import Api
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool


@each_row("value", [None, False, 0, "", "text", [1, {"a": None}], {"deep": [{"b": [0]}]}, 2**70])
def test_any_json_is_a_value(api: Api, value: Any) -> None:
    put = api("PUT", "/memory/k", {"value": value})
    assert put.status == 200
    assert put.data == {
        "key": "k",
        "value": value,
        "scope": "workflow",
        "user_id": None,
        "workflow_id": None,
        "ttl": None,
        "created_at": "2027-01-15T08:00:00.500Z",
        "updated_at": "2027-01-15T08:00:00.500Z",
        "expires_at": None,
    }
    assert api("GET", "/memory/k").data == put.data


def test_scopes_are_separate(api: Api) -> None:
    places: list[dict[str, str]] = [
        {},
        {"workflow_id": api.workflow()},
        {"scope": "user", "user_id": "u1"},
        {"scope": "user", "user_id": "u2"},
        {"scope": "organization"},
        {"scope": "global"},
    ]
    for number, place in enumerate(places):
        api("PUT", "/memory/k", {"value": number, **place})
    for number, place in enumerate(places):
        query = "&".join(f"{name}={value}" for name, value in place.items())
        assert api("GET", f"/memory/k?{query}").data["value"] == number
        assert api("DELETE", f"/memory/k?{query}").status == 204
        assert api("GET", f"/memory/k?{query}").status == 404
        assert api("DELETE", f"/memory/k?{query}").status == 404


def test_memory_of_a_workflow_that_does_not_exist_is_404(api: Api) -> None:
    place = "/memory/k?workflow_id=wf-none"
    for response in (api("PUT", "/memory/k", {"value": 1, "workflow_id": "wf-none"}), api("GET", place)):
        assert (response.status, response.code, response.fields) == (404, "not_found", ["workflow_id"])
    assert api("DELETE", place).status == 404
    node = tool("keep", "memory_set", {"key": "k", "value": 1, "workflow_id": "wf-none"})
    assert api.run(node)["error"].startswith("node 'keep': there is no workflow 'wf-none' to keep memory for")


def test_the_memory_of_a_deleted_workflow_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    emulator = Emulator(db=file, time="manual")
    client = emulator.client()
    nodes = [tool("pause", "wait", {"seconds": 60}), llm("say", dependencies=["pause"], memory_write={"k": "late"})]
    workflow, other = (client.workflows.create(name="x", definition={"nodes": nodes}).id for _ in range(2))
    before = emulator.snapshot()
    for workflow_id in (workflow, other):
        client.memory.set("k", "kept", workflow_id=workflow_id)
    run = client.workflows.execute(workflow)
    client.workflows.delete(workflow)
    emulator.clock.advance(60)
    assert client.executions.get(run.id).error == (
        f"node 'say': there is no workflow {workflow!r} to keep memory for: it may have been deleted"
    )
    emulator.close()
    emulator = Emulator(db=file)
    client = emulator.client()
    assert client.memory.get("k", workflow_id=other).value == "kept"
    emulator.restore(before)
    with pytest.raises(NotFoundError, match="no memory in the scope workflow with the key 'k'"):
        client.memory.get("k", workflow_id=workflow)
    emulator.close()


def test_a_slash_in_a_key_is_part_of_it(api: Api) -> None:
    assert api("PUT", "/memory/user%2Fprefs", {"value": 1}).data["key"] == "user/prefs"
    assert api("GET", "/memory/user%2fprefs").data["value"] == 1
    assert api("GET", "/memory/user/prefs").status == 404


def test_an_entry_expires_after_its_time_to_live(api: Api) -> None:
    put = api("PUT", "/memory/k", {"value": 1, "ttl": 10}).data
    assert (put["ttl"], put["expires_at"]) == (10, "2027-01-15T08:00:10.500Z")
    api.clock.time += 9.9
    again = api("PUT", "/memory/k", {"value": 2, "ttl": 1}).data
    assert again["created_at"] == put["created_at"]
    assert again["updated_at"] > put["updated_at"]
    api.clock.time += 1
    assert api("GET", "/memory/k").code == "not_found"
    assert api("DELETE", "/memory/k").status == 404
    assert api("PUT", "/memory/k", {"value": 3}).data["created_at"] > put["created_at"]
    far = api("PUT", "/memory/far", {"value": 3, "ttl": 10**30}).data
    assert far["expires_at"].startswith("9999-12-31")


@each_row(
    ("body", "field"),
    [
        ({"value": 1, "ttl": 0}, "ttl"),
        ({"value": 1, "ttl": 1.5}, "ttl"),
        ({"value": 1, "scope": "user"}, "user_id"),
        ({"value": 1, "scope": "user", "user_id": ""}, "user_id"),
        ({"value": 1, "key": "k"}, "key"),
    ],
)
def test_a_bad_value_is_422(api: Api, body: dict[str, Any], field: str) -> None:
    response = api("PUT", "/memory/k", body)
    assert (response.status, response.fields) == (422, [field])


def test_each_tool_of_the_catalog_can_be_read(api: Api) -> None:
    tools = api("GET", "/tools").data
    names = {entry["name"] for entry in tools}
    assert len(tools) == len(names) >= 10
    for entry in tools:
        assert api("GET", f"/tools/{entry['name']}").data == entry
        assert entry["description"]
        assert entry["category"]
        assert set(entry["parameters"]["required"]) <= set(entry["parameters"]["properties"])
    assert {"slack_send_message", "http_request", "wait"} <= names


def test_connecting_a_tool_stores_no_parameters(api: Api) -> None:
    assert api("GET", "/tools/http_request").data["connected"] is False
    connected = api("POST", "/tools/http_request/connect", {"token": "s3cret"})
    assert connected.status == 200
    assert connected.data == {
        "name": "http_request",
        "tool": "http_request",
        "status": "connected",
        "connected_at": "2027-01-15T08:00:00.500Z",
    }
    assert api("GET", "/tools/http_request").data["connected"] is True
    assert api("POST", "/tools/http_request/connect", []).fields == ["body"]
    assert api("POST", "/tools/http_request/connect").status == 400


def test_an_unknown_tool_is_named(api: Api) -> None:
    for method, path in (("GET", "/tools/teleport"), ("POST", "/tools/teleport/connect")):
        response = api(method, path, {})
        assert response.status == 404
        assert "'teleport'" in response.json["error"]["message"]


def test_the_emulator_is_healthy(api: Api) -> None:
    assert api("GET", "/health").data["status"] == "healthy"
    assert api("GET", "/health/secrets").json["status"] == "healthy"
