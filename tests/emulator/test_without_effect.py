"""What is valid and has no effect is a warning, and in strict mode a refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fibonacci import ValidationError
from fibonacci.emulator import Emulator
from fibonacci.emulator.context import Endpoint
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import JSON_BODY, ServerRequest, ServerResponse
from fibonacci.emulator.routes import ENDPOINTS
from fibonacci.emulator.routes.api_0_2 import ENDPOINTS as ENDPOINTS_OF_0_2
from tests.emulator.handling import create
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool

GATE = {"id": "g", "type": "conditional", "left_value": "{{input.x}}", "true_branch": ["a"], "false_branch": []}
EQUALS = {"field": "{{input.x}}", "operator": "equals"}
WITHOUT_EFFECT: list[tuple[list[dict[str, Any]], dict[str, Any], str, str]] = [
    ([llm("a", "Greet {input.name}")], {}, "single_braces", "nodes[0].instruction"),
    ([tool("a", retry_delay=5)], {}, "no_effect", "nodes[0].retry_delay"),
    ([GATE | {"operator": "equals"}, llm("a")], {}, "no_effect", "nodes[0].right_value"),
    ([llm("a", memory_read=[""])], {}, "no_effect", "nodes[0].memory_read"),
    ([llm("a", memory_read=["{{input.key}}"])], {}, "no_effect", "nodes[0].memory_read"),
    ([tool("a", "http_request", {"x": [{"{{input.x}}": 1}]})], {}, "no_effect", "nodes[0].params.x[0]"),
    ([tool("a", "memory.set", {"key": "k", "value": 1, "user_id": "u"})], {}, "no_effect", "nodes[0].params.user_id"),
    ([tool("a", "web_search", {"limit": "five"})], {}, "wrong_parameter_type", "nodes[0].params.limit"),
    ([llm("a")], {"categories": "financial"}, "no_effect", "categories"),
    ([llm("a")], {"categories": ["finanical"]}, "unknown_category", "categories[0]"),
]


@each_row(("nodes", "more", "code", "place"), WITHOUT_EFFECT)
def test_what_in_a_workflow_has_no_effect_is_a_warning(
    nodes: list[dict[str, Any]], more: dict[str, Any], code: str, place: str
) -> None:
    emulator = Emulator()
    client = emulator.client()
    workflow = create(client, *nodes, **more)
    client.workflows.execute(workflow)
    found = [(warning.code, warning.location) for warning in emulator.warnings]
    assert found.count((code, f"workflows/{workflow} {place}")) == 1
    strict = Emulator(strict=True).client()
    with pytest.raises(ValidationError, match=code):
        strict.workflows.execute(create(strict, *nodes, **more))


@each_row(
    ("nodes", "more"),
    [
        ([llm("a", "Say {hello} as in {{input.x}}")], {}),
        ([llm("a", max_retries=5, enable_retry=True)], {}),
        ([llm("a", max_retries=5, enable_retry=False)], {}),  # it is switched off, and says so
        ([llm("a", condition=EQUALS | {"value": None})], {}),
        ([llm("a", condition={"field": "{{input.x}}", "operator": "is_empty"})], {}),
        ([GATE | {"operator": "is_not_empty"}, llm("a")], {}),
        ([tool("a", "memory_set", {"key": "k", "value": 1, "user_id": "u", "scope": "user"})], {}),
        ([tool("a", "web_search", {"query": "x", "limit": "{{input.n}}"})], {}),
        ([llm("a")], {"categories": ["financial", "hr"]}),
    ],
)
def test_what_has_an_effect_is_no_warning(nodes: list[dict[str, Any]], more: dict[str, Any]) -> None:
    client = Emulator(strict=True).client()
    client.workflows.execute(create(client, *nodes, **more), inputs={"x": 1, "n": 5})


REQUESTS: list[tuple[str, str, Any, str]] = [
    ("GET", "/executions?status=complete", None, "unknown_status"),
    ("GET", "/memory/k?user_id=u", None, "no_effect"),
    ("PUT", "/memory/k", {"value": 1, "scope": "global", "workflow_id": "w"}, "no_effect"),
    ("PUT", "/memory/k", {"value": 1, "user_id": "u"}, "no_effect"),
    ("PATCH", "/organizations/default/governance", {"category_flags": {"finanical": True}}, "unknown_category"),
]


@each_row(("method", "path", "body", "code"), REQUESTS)
def test_what_in_a_request_has_no_effect_is_a_warning(method: str, path: str, body: Any, code: str) -> None:
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    for strict in (False, True):
        emulator = Emulator(strict=strict, api_key="key")
        client = emulator.client()
        target = path.format(id=client.workflows.create(name="x").id)
        before = emulator.snapshot()
        response = app_of(emulator).handle(
            ServerRequest(method, f"/v1{target}", {"authorization": "Bearer key", **JSON_BODY}, raw)
        )
        if strict:
            assert (response.status, emulator.snapshot()) == (422, before)
            assert f"({code})" in response.body.decode()
        else:
            assert response.status in (200, 201, 404)  # as without the part that is not read
            assert [warning.code for warning in emulator.warnings] == [code]


READERS = [
    endpoint
    for endpoint in (*ENDPOINTS, *ENDPOINTS_OF_0_2)
    if endpoint.method not in ("GET", "DELETE") and not endpoint.path.endswith(("/cancel", "/rollback"))
]
NAMES = {"organization_id": "default", "key": "k", "tool_name": "calculator"}


def answers(
    endpoint: Endpoint, body: bytes, content_type: str | None, *, strict: bool = False
) -> tuple[ServerResponse, list[str]]:
    """Return the response to a body, and the warnings."""
    emulator = Emulator(strict=strict, api_key="key")
    client = emulator.client()
    client.organizations.tool_policies.create("default", tool_name="calculator")
    path = endpoint.path.format(**NAMES, workflow_id=client.workflows.create(name="x").id)
    target = path if path.startswith("/api/") else f"/v1{path}"
    headers = {"authorization": "Bearer key", **({} if content_type is None else {"content-type": content_type})}
    response = app_of(emulator).handle(ServerRequest(endpoint.method, target, headers, body))
    return response, [str(warning) for warning in emulator.warnings]


@each_row("endpoint", READERS)
def test_a_body_that_is_not_said_to_be_json_is_a_warning(endpoint: Endpoint) -> None:
    _, warnings = answers(endpoint, b"{}", "text/plain")
    assert warnings == [f"{endpoint} Content-Type: is 'text/plain', not 'application/json' (media_type)"]
    response, _ = answers(endpoint, b"{}", "text/plain", strict=True)
    assert (response.status, b"Content-Type is 'text/plain', not" in response.body) == (415, True)
