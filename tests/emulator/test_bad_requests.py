"""Every endpoint with every kind of bad request: a documented error that names the field, and no change."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from fibonacci.emulator.http.bodies import MAX_BODY
from fibonacci.emulator.routes.endpoints import ENDPOINTS
from tests.emulator.api import Api, ApiResponse, tool

TABLE: Final = [(method, path) for method, path, _ in ENDPOINTS]
_ORG = "/organizations/{organization_id}"

LISTS: Final = {
    "/workflows",
    "/executions",
    "/workflows/{workflow_id}/versions",
    "/workflow-registry",
    f"{_ORG}/governance/audit",
    f"{_ORG}/tool-policies",
    f"{_ORG}/role-policy-overrides",
    "/tools",
}

BAD_BODIES: Final[dict[tuple[str, str], list[tuple[Any, str]]]] = {
    ("POST", "/workflows"): [
        ({}, "name"),
        ({"name": 1}, "name"),
        ({"name": "x", "description": 1}, "description"),
        ({"name": "x", "definition": "y"}, "definition"),
        ({"name": "x", "nodes": []}, "nodes"),
        ({"name": "x", "definition": {"nodes": [{"id": "a", "type": "magic"}]}}, "definition.nodes[0]"),
    ],
    ("PUT", "/workflows/{workflow_id}"): [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"version": 2}, "version"),
        ({"definition": {"nodes": [{"id": "a", "type": "llm"}]}}, "definition.nodes[0].instruction"),
    ],
    ("POST", "/workflows/{workflow_id}/execute"): [({"inputs": []}, "inputs"), ({"input": {}}, "input")],
    ("PATCH", f"{_ORG}/governance"): [
        ({"approval_threshold": "2"}, "approval_threshold"),
        ({"category_flags": {"pii": 1}}, "category_flags.pii"),
        ({"require_approval": True}, "require_approval"),
    ],
    ("PATCH", f"{_ORG}/quota"): [({"memory_mb": "5"}, "memory_mb"), ({"memory": 5}, "memory")],
    ("POST", f"{_ORG}/tool-policies"): [
        ({}, "tool_name"),
        ({"tool_name": "teleport"}, "tool_name"),
        ({"tool_name": "calculator", "allowed_roles": "owner"}, "allowed_roles"),
    ],
    ("PATCH", f"{_ORG}/tool-policies/{{tool_name}}"): [({"enabled": "yes"}, "enabled"), ({"roles": []}, "roles")],
    ("POST", f"{_ORG}/role-policy-overrides"): [
        ({"role": "king", "tool_name": "calculator"}, "role"),
        ({"role": "owner"}, "tool_name"),
    ],
    ("PUT", "/memory/{key}"): [
        ({}, "value"),
        ({"value": 1, "scope": "galaxy"}, "scope"),
        ({"value": 1, "scope": "user"}, "user_id"),
        ({"value": 1, "ttl": "long"}, "ttl"),
        ({"value": 1, "ttl": -1}, "ttl"),
        ({"value": 1, "expires": 5}, "expires"),
    ],
    ("POST", "/tools/{tool_name}/connect"): [([], "body"), (1, "body")],
}

BAD_QUERIES: Final = [
    ("GET", "/executions", "workflow_id=", "workflow_id"),
    ("GET", "/executions", "status=", "status"),
    ("GET", "/workflow-registry", "include_archived=yes", "include_archived"),
    ("GET", "/memory/{key}", "scope=galaxy", "scope"),
    ("GET", "/memory/{key}", "scope=user", "user_id"),
    ("DELETE", "/memory/{key}", "scope=user", "user_id"),
    *(("GET", path, f"limit={limit}", "limit") for path in sorted(LISTS) for limit in ("0", "201", "x", "1.0", "")),
    *(("GET", path, f"cursor={cursor}", "cursor") for path in sorted(LISTS) for cursor in ("x", "!", "")),
]

UNKNOWN: Final = [
    *((method, path, "workflow_id") for method, path in TABLE if "{workflow_id}" in path),
    *((method, path, "execution_id") for method, path in TABLE if "{execution_id}" in path),
    *((method, path, "organization_id") for method, path in TABLE if "{organization_id}" in path),
    *((method, path, "tool_name") for method, path in TABLE if "{tool_name}" in path),
    *((method, path, "version") for method, path in TABLE if "{version}" in path),
    *((method, path, "key") for method, path in TABLE if "{key}" in path and method != "PUT"),
]


class Place:
    """An emulator with an object for every parameter of a path."""

    def __init__(self, api: Api) -> None:
        self.api = api
        workflow = api.workflow(tool("pause", "wait", {"seconds": 1000}))
        execution = api("POST", f"/workflows/{workflow}/execute", {}).data["execution_id"]
        api("POST", "/organizations/default/tool-policies", {"tool_name": "web_search"})
        api("PUT", "/memory/k", {"value": 1})
        self.values = {
            "workflow_id": workflow,
            "execution_id": execution,
            "organization_id": "default",
            "tool_name": "web_search",
            "version": "1",
            "key": "k",
        }
        self._before = self._state()

    def send(self, method: str, template: str, body: object = None, query: str = "", **other: str) -> ApiResponse:
        headers = {"authorization": other.pop("authorization")} if "authorization" in other else {}
        return self.api(method, template.format(**{**self.values, **other}) + query, body, **headers)

    def refused(self, response: ApiResponse, status: int, code: str, field: str) -> bool:
        """Return whether the request was refused in the documented form and changed nothing."""
        assert (response.status, response.code) == (status, code), response.body
        details = response.json["error"]["details"]
        assert field in [detail["field"] for detail in details]
        assert all(detail["message"] for detail in details)
        assert len(response.json["error"]["message"]) > 10
        return self._state() == self._before

    def _state(self) -> object:
        tables = json.loads(self.api.app.store.snapshot())["tables"]
        return {name: rows for name, rows in tables.items() if name != "rate_windows"}


@pytest.fixture
def place(api: Api) -> Place:
    return Place(api)


def test_every_body_is_in_the_table() -> None:
    bodiless = {path for method, path in TABLE if method in ("POST", "PUT", "PATCH")} - {p for _, p in BAD_BODIES}
    assert {path.rsplit("/", 1)[-1] for path in bodiless} == {
        "cancel",
        "rollback",
        "approve-template",
        "deprecate",
        "archive",
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [(method, path, body, field) for (method, path), bodies in BAD_BODIES.items() for body, field in bodies],
)
def test_an_invalid_body(place: Place, method: str, path: str, body: Any, field: str) -> None:
    assert place.refused(place.send(method, path, body), 422, "validation_error", field)


@pytest.mark.parametrize(("method", "path"), list(BAD_BODIES))
@pytest.mark.parametrize("body", [b"", b"{", b'{"value": NaN}', b"[" * 1000, b"\xff"])
def test_a_body_that_is_not_json(place: Place, method: str, path: str, body: bytes) -> None:
    assert place.refused(place.send(method, path, body), 400, "bad_request", "body")


@pytest.mark.parametrize(("method", "path"), TABLE)
def test_a_body_that_is_too_large(place: Place, method: str, path: str) -> None:
    assert place.refused(place.send(method, path, b" " * (MAX_BODY + 1)), 413, "payload_too_large", "body")


@pytest.mark.parametrize(("method", "path", "query", "field"), BAD_QUERIES)
def test_an_invalid_query(place: Place, method: str, path: str, query: str, field: str) -> None:
    response = place.send(method, path, query=f"?{query}")
    assert place.refused(response, 422, "validation_error", field)


@pytest.mark.parametrize("path", sorted(LISTS))
def test_a_cursor_of_another_list(place: Place, path: str) -> None:
    other = "/workflows" if path == "/tools" else "/tools"
    place.api.workflow()
    place = Place(place.api)
    cursor = place.api("GET", f"{other}?limit=1").json["meta"]["next_cursor"]
    response = place.send("GET", path, query=f"?cursor={cursor}")
    assert place.refused(response, 422, "validation_error", "cursor")


@pytest.mark.parametrize(("method", "path", "parameter"), UNKNOWN)
def test_an_unknown_id(place: Place, method: str, path: str, parameter: str) -> None:
    body = {"enabled": False} if method == "PATCH" and "tool-policies" in path else {}
    name = "no such" if parameter == "organization_id" else "no-such"
    response = place.send(method, path, body, **{parameter: name.replace(" ", "%20")})
    assert place.refused(response, 404, "not_found", parameter)
    assert name in response.json["error"]["message"]


@pytest.mark.parametrize(("method", "path"), TABLE)
def test_an_unknown_key(place: Place, method: str, path: str) -> None:
    response = place.send(method, path, {}, authorization="Bearer wrong")
    assert place.refused(response, 401, "unauthorized", "Authorization")


@pytest.mark.parametrize("path", sorted({path for _, path in TABLE}))
def test_a_method_that_is_not_allowed(place: Place, path: str) -> None:
    assert place.refused(place.send("BREW", path, {}), 405, "method_not_allowed", "method")


def test_conflicts_with_the_state(place: Place) -> None:
    body = {"tool_name": "web_search"}
    again = place.api("POST", "/organizations/default/tool-policies", body)
    assert place.refused(again, 409, "conflict", "tool_name")
    bad_key = place.api("POST", "/workflows", {"name": "x"}, idempotency_key="a b")
    assert place.refused(bad_key, 400, "bad_request", "Idempotency-Key")
    nowhere = place.api("GET", "/nowhere")
    assert place.refused(nowhere, 404, "not_found", "path")
