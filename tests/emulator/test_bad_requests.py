"""Every operation of the document with every kind of bad request: a documented error that names the field.

What does not fit a schema comes from `tests/contract/bad_requests.py`; here is what no schema says.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest

from fibonacci.emulator.http.bodies import MAX_BODY
from tests.contract.bad_requests import bad_bodies, bad_queries, example_body
from tests.contract.document import Operation, operations
from tests.emulator.api import Api, ApiResponse, tool

OPERATIONS: Final = pytest.mark.parametrize("operation", operations(), ids=str)
WITH_BODY: Final = [each for each in operations() if each.body is not None]
LISTS: Final = [each for each in operations() if "cursor" in {query["name"] for query in each.parameters_in("query")}]
_ORG: Final = "/organizations/{organization_id}"

BAD_BODIES: Final[list[tuple[str, str, Any, str]]] = [
    (each.method, each.path, body, field) for each in WITH_BODY for body, field in bad_bodies(each)
]
MORE_BAD_BODIES: Final[list[tuple[str, str, Any, str]]] = [
    ("POST", "/workflows", {"name": "x", "nodes": []}, "nodes"),
    (
        "POST",
        "/workflows",
        {"name": "x", "definition": {"nodes": [{"id": "a", "type": "magic"}]}},
        "definition.nodes[0]",
    ),
    (
        "PUT",
        "/workflows/{workflow_id}",
        {"definition": {"nodes": [{"id": "a", "type": "llm"}]}},
        "definition.nodes[0].instruction",
    ),
    ("PATCH", f"{_ORG}/governance", {"category_flags": {"pii": 1}}, "category_flags.pii"),
    ("POST", f"{_ORG}/tool-policies", {"tool_name": "teleport"}, "tool_name"),
    ("PUT", "/memory/{key}", {"value": 1, "scope": "user"}, "user_id"),
]
"""Bodies that are refused for more than their schema says, or deep inside."""

BAD_QUERIES: Final = [
    (each.method, each.path, query, field) for each in operations() for query, field in bad_queries(each)
]
MORE_BAD_QUERIES: Final = [
    ("GET", "/memory/{key}", "scope=user", "user_id"),
    ("DELETE", "/memory/{key}", "scope=user", "user_id"),
    *(("GET", each.path, f"cursor={cursor}", "cursor") for each in LISTS for cursor in ("x", "!")),
]

UNKNOWN: Final = [
    (each, parameter["name"])
    for each in operations()
    for parameter in each.parameters_in("path")
    if (each.id, parameter["name"]) != ("memory.set", "key")  # which makes it
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

    def refused(self, response: ApiResponse, status: int, code: str, field: str, *, inside: bool = False) -> bool:
        """Tell whether that was refused in the documented form for a field (or one inside it), and nothing changed."""
        assert (response.status, response.code) == (status, code), response.body
        details = response.json["error"]["details"]
        named = [detail["field"] for detail in details]
        assert field in ([re.split(r"[.\[]", each)[0] for each in named] if inside else named)
        assert all(detail["message"] for detail in details)
        assert len(response.json["error"]["message"]) > 10
        return self._state() == self._before

    def _state(self) -> object:
        return json.loads(self.api.app.store.snapshot())["tables"]


@pytest.fixture
def place(api: Api) -> Place:
    return Place(api)


def test_every_operation_with_a_body_or_a_query_has_bad_ones() -> None:
    assert {(method, path) for method, path, _, _ in BAD_BODIES} == {(each.method, each.path) for each in WITH_BODY}
    queried = {(each.method, each.path) for each in operations() if each.parameters_in("query")}
    assert {(method, path) for method, path, _, _ in BAD_QUERIES} == queried


@pytest.mark.parametrize(("method", "path", "body", "field"), BAD_BODIES)
def test_a_body_that_is_invalid_by_the_schema(place: Place, method: str, path: str, body: Any, field: str) -> None:
    assert place.refused(place.send(method, path, body), 422, "validation_error", field, inside=True)


@pytest.mark.parametrize(("method", "path", "body", "field"), MORE_BAD_BODIES)
def test_an_invalid_body(place: Place, method: str, path: str, body: Any, field: str) -> None:
    assert place.refused(place.send(method, path, body), 422, "validation_error", field)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
@pytest.mark.parametrize("body", [b"", b"{", b'{"value": NaN}', b"[" * 1000, b"\xff"])
def test_a_body_that_is_not_json(place: Place, operation: Operation, body: bytes) -> None:
    assert place.refused(place.send(operation.method, operation.path, body), 400, "bad_request", "body")


@OPERATIONS
def test_a_body_that_is_too_large(place: Place, operation: Operation) -> None:
    response = place.send(operation.method, operation.path, b" " * (MAX_BODY + 1))
    assert place.refused(response, 413, "payload_too_large", "body")


@pytest.mark.parametrize(("method", "path", "query", "field"), [*BAD_QUERIES, *MORE_BAD_QUERIES])
def test_an_invalid_query(place: Place, method: str, path: str, query: str, field: str) -> None:
    response = place.send(method, path, query=f"?{query}")
    assert place.refused(response, 422, "validation_error", field)


@pytest.mark.parametrize("operation", LISTS, ids=str)
def test_a_cursor_of_another_list(place: Place, operation: Operation) -> None:
    other = "/workflows" if operation.path == "/tools" else "/tools"
    place.api.workflow()
    place = Place(place.api)
    cursor = place.api("GET", f"{other}?limit=1").json["meta"]["next_cursor"]
    response = place.send("GET", operation.path, query=f"?cursor={cursor}")
    assert place.refused(response, 422, "validation_error", "cursor")


@pytest.mark.parametrize(("operation", "parameter"), UNKNOWN, ids=str)
def test_an_unknown_id(place: Place, operation: Operation, parameter: str) -> None:
    name = "no such" if parameter == "organization_id" else "no-such"
    response = place.send(
        operation.method, operation.path, example_body(operation), **{parameter: name.replace(" ", "%20")}
    )
    assert place.refused(response, 404, "not_found", parameter)
    assert name in response.json["error"]["message"]


@OPERATIONS
def test_an_unknown_key(place: Place, operation: Operation) -> None:
    response = place.send(operation.method, operation.path, {}, authorization="Bearer wrong")
    assert place.refused(response, 401, "unauthorized", "Authorization")


@pytest.mark.parametrize("path", sorted({each.path for each in operations()}))
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
