"""Every operation of the document with every kind of bad request: a documented error that names the field.

What does not fit a schema comes from `tests/contract/bad_requests.py`; here is what no schema says.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from fibonacci.emulator.http.messages import MAX_BODY
from tests.contract.bad_requests import bad_bodies, bad_queries, example_body
from tests.contract.document import Operation, operations
from tests.emulator.api import Api, ApiResponse
from tests.kit.assertions import check_rows, each_row
from tests.kit.nodes import llm, tool

_ORG: Final = "/organizations/{organization_id}"

MORE_BAD_BODIES: Final[list[tuple[str, str, Any, str]]] = [
    ("POST", "/workflows", {"name": "x", "nodes": []}, "nodes"),
    ("PATCH", f"{_ORG}/governance", {"category_flags": {"pii": 1}}, "category_flags.pii"),
    ("POST", f"{_ORG}/tool-policies", {"tool_name": "teleport"}, "tool_name"),
    ("PUT", "/memory/{key}", {"value": 1, "scope": "user"}, "user_id"),
]
"""Bodies that are refused for more than their schema says, or deep inside."""

MORE_BAD_QUERIES: Final = [(method, "/memory/{key}", "scope=user", "user_id") for method in ("GET", "DELETE")]


def with_body() -> list[Operation]:
    return [each for each in operations() if each.body is not None]


def lists() -> list[Operation]:
    return [each for each in operations() if "cursor" in {query["name"] for query in each.parameters_in("query")}]


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

    def check_refused(self, response: ApiResponse, status: int, code: str, field: str, *, inside: bool = False) -> None:
        """Check that it was refused in the documented form for a field (or one inside it), and that nothing changed."""
        assert (response.status, response.code) == (status, code), response.body
        details = response.json["error"]["details"]
        named = [detail["field"] for detail in details]
        assert field in ([re.split(r"[.\[]", each)[0] for each in named] if inside else named)
        assert all(detail["message"] for detail in details)
        assert len(response.json["error"]["message"]) > 10
        assert self._state() == self._before

    def _state(self) -> bytes:
        return self.api.app.store.snapshot()


@pytest.fixture
def place(api: Api) -> Place:
    return Place(api)


def test_a_body_that_is_invalid_by_the_schema(place: Place) -> None:
    def check(row: tuple[Operation, Any, str]) -> None:
        operation, body, field = row
        response = place.send(operation.method, operation.path, body)
        place.check_refused(response, 422, "validation_error", field, inside=True)

    rows = [(each, body, field) for each in with_body() for body, field in bad_bodies(each)]
    assert {operation.id for operation, _, _ in rows} == {each.id for each in with_body()}
    check_rows(((f"{operation} {body}", (operation, body, field)) for operation, body, field in rows), check)


@each_row(("method", "path", "body", "field"), MORE_BAD_BODIES)
def test_an_invalid_body(place: Place, method: str, path: str, body: Any, field: str) -> None:
    place.check_refused(place.send(method, path, body), 422, "validation_error", field)


def test_a_body_that_is_not_json(place: Place) -> None:
    def check(operation: Operation) -> None:
        place.check_refused(place.send(operation.method, operation.path, b"{"), 400, "bad_request", "body")

    check_rows(((operation.id, operation) for operation in with_body()), check)


def test_a_body_that_is_too_large(place: Place) -> None:
    body = b" " * (MAX_BODY + 1)

    def check(operation: Operation) -> None:
        place.check_refused(place.send(operation.method, operation.path, body), 413, "payload_too_large", "body")

    check_rows({operation.method: operation for operation in operations()}.items(), check)


def test_an_invalid_query(place: Place) -> None:
    def check(row: tuple[str, str, str, str]) -> None:
        method, path, query, field = row
        place.check_refused(place.send(method, path, query=f"?{query}"), 422, "validation_error", field)

    rows = [(each.method, each.path, query, field) for each in operations() for query, field in bad_queries(each)]
    queried = {(each.method, each.path) for each in operations() if each.parameters_in("query")}
    assert {(method, path) for method, path, _, _ in rows} == queried
    cursors = [("GET", each.path, f"cursor={cursor}", "cursor") for each in lists() for cursor in ("x", "!")]
    check_rows(((" ".join(row), row) for row in [*rows, *MORE_BAD_QUERIES, *cursors]), check)


def test_a_cursor_of_another_list(api: Api) -> None:
    api.workflow()
    place = Place(api)

    def check(operation: Operation) -> None:
        other = "/workflows" if operation.path == "/tools" else "/tools"
        cursor = place.api("GET", f"{other}?limit=1").json["meta"]["next_cursor"]
        response = place.send("GET", operation.path, query=f"?cursor={cursor}")
        place.check_refused(response, 422, "validation_error", "cursor")

    assert len(lists()) > 3
    check_rows(((operation.id, operation) for operation in lists()), check)


def test_an_unknown_id(place: Place) -> None:
    def check(row: tuple[Operation, str]) -> None:
        operation, parameter = row
        name = "no such" if parameter == "organization_id" else "no-such"
        response = place.send(
            operation.method, operation.path, example_body(operation), **{parameter: name.replace(" ", "%20")}
        )
        place.check_refused(response, 404, "not_found", parameter)
        assert name in response.json["error"]["message"]

    rows = [
        (f"{operation} {parameter['name']}", (operation, parameter["name"]))
        for operation in operations()
        for parameter in operation.parameters_in("path")
        if (operation.id, parameter["name"]) != ("memory.set", "key")  # which makes it
    ]
    assert len(rows) > 20
    check_rows(rows, check)


def test_conflicts_with_the_state(place: Place) -> None:
    again = place.api("POST", "/organizations/default/tool-policies", {"tool_name": "web_search"})
    place.check_refused(again, 409, "conflict", "tool_name")
    bad_key = place.api("POST", "/workflows", {"name": "x"}, idempotency_key="a b")
    place.check_refused(bad_key, 400, "bad_request", "Idempotency-Key")
    nowhere = place.api("GET", "/nowhere")
    place.check_refused(nowhere, 404, "not_found", "path")


def test_the_faults_of_a_definition_are_all_named(api: Api) -> None:
    definition = {"nodes": [llm("a", "{{b}}"), llm("a", dependencies=["c"])]}
    for method, path in (("POST", "/workflows"), ("PUT", f"/workflows/{api.workflow()}")):
        response = api(method, path, {"name": "x", "definition": definition})
        places = ("nodes[0].instruction", "nodes[1].id", "nodes[1].dependencies[0]")
        assert (response.status, response.fields) == (422, [f"definition.{place}" for place in places])
        assert "(duplicate_id)" in response.json["error"]["details"][1]["message"]
