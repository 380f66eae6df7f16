"""The contract suite has what the document has: endpoints, shapes of responses, properties of bodies, fields."""

from __future__ import annotations

import re
from typing import Any

from tests.contract.document import JSON, Operation, load_document, operations, resolve
from tests.contract.suite.calls import CALLS, INVALID, OPEN, UNKNOWN_OBJECTS
from tests.contract.suite.checks import ALL
from tests.contract.suite.checks.paging import LISTS
from tests.contract.suite.checks.workflows import FULL
from tests.contract.suite.values import BODIES
from tests.kit.assertions import check_each


def plain(endpoint: str) -> str:
    return re.sub(r"\{\w+\}", "{}", endpoint)


def endpoint(operation: Operation) -> str:
    return plain(f"{operation.method} {operation.path}")


def test_the_definition_of_the_suite_has_every_documented_field() -> None:
    schemas = load_document()["components"]["schemas"]
    assert FULL.keys() == schemas["WorkflowDefinition"]["properties"].keys()
    for kind, reference in schemas["Node"]["discriminator"]["mapping"].items():
        fields = {name for node in FULL["nodes"] if node["type"] == kind for name in node}
        assert fields == resolve({"$ref": reference})["properties"].keys()


def test_the_suite_has_a_call_of_every_endpoint() -> None:
    assert sorted(plain(call.endpoint) for call in CALLS) == sorted(map(endpoint, operations()))
    assert {plain(check.endpoint) for check in ALL} == {*map(endpoint, operations()), "GET /{}"}


def test_the_shapes_are_those_of_the_document() -> None:
    def check(call: Any) -> None:
        (operation,) = [each for each in operations() if endpoint(each) == plain(call.endpoint)]
        if "content" not in operation.success:
            assert (call.envelope, call.shape) == ("empty", OPEN)
            return
        content = resolve(operation.success["content"]["application/json"]["schema"])
        data = resolve(content["properties"]["data"]) if "data" in content["properties"] else None
        is_list = data is not None and data.get("type") == "array"
        envelope = "bare" if data is None else "full" if "meta" in content["required"] else "data"
        assert call.envelope == ("page" if is_list else envelope)
        assert call.shape == _shape_of(content if data is None else resolve(data["items"]) if is_list else data)

    check_each(CALLS, check)


def _shape_of(schema: JSON) -> dict[str, str]:
    required = schema.get("required", [])
    return {
        name: ("" if name in required else "?") + _types_of(resolve(field))
        for name, field in schema.get("properties", {}).items()
    }


def _types_of(field: JSON) -> str:
    types = field.get("type", "")
    return types if isinstance(types, str) else "|".join(types)


def test_every_endpoint_of_an_object_is_called_with_an_unknown_one() -> None:
    named = {
        endpoint(each)
        for each in operations()
        if any(parameter["name"] != "organization_id" for parameter in each.parameters_in("path"))
    }
    assert {plain(where) for where, _ in UNKNOWN_OBJECTS} == named - {"PUT /memory/{}"}  # which creates it


def test_every_endpoint_with_a_body_is_called_with_an_invalid_one() -> None:
    assert {plain(where) for where, _, _ in INVALID} == {endpoint(each) for each in operations() if each.body}


def test_every_list_is_paged() -> None:
    lists = {endpoint(each) for each in operations() if any(part["name"] == "cursor" for part in each.parameters)}
    assert {plain(each.endpoint) for each in LISTS} == lists


def test_generated_values_are_those_of_the_document() -> None:
    documented = {endpoint(each): each.body_schema.get("properties") for each in operations() if each.body}
    for name, properties in BODIES.items():
        schemas: JSON = documented[plain(name)] or {}
        assert {key: _plain_schema(schemas[key]) for key in schemas} == dict(properties)
    assert {plain(name) for name in BODIES} == {name for name, schemas in documented.items() if schemas}


def _plain_schema(schema: JSON) -> JSON:
    """Return what the suite has of a schema: types and bounds."""
    schema = resolve(schema)
    if "anyOf" in schema:
        return {"type": [resolve(part)["type"] for part in schema["anyOf"]]}
    kinds: list[str] = ["type", "enum", "minimum", "minLength", "additionalProperties"]
    kept: JSON = {kind: schema[kind] for kind in kinds if kind in schema}
    return {**kept, "items": _plain_schema(schema["items"])} if "items" in schema else kept
