"""The arguments of a tool: from the `input_schema` of a definition, else from its templates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fibonacci.cli.mcp_server.input_schemas import input_fault, input_schema

ANY = {"description": "Any JSON value."}
OPEN = {"type": "object"}
TEXT = {"type": "string"}


def llm(node_id: str, instruction: str, **more: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "llm", "instruction": instruction, **more}


def declared(schema: Any) -> dict[str, Any]:
    return input_schema({"nodes": [llm("a", "{{input.unused}}")], "input_schema": schema})


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"properties": {"mail": TEXT}, "required": ["mail"]}, {"properties": {"mail": TEXT}, "required": ["mail"]}),
        ({"type": ["object", "null"], "additionalProperties": False}, {"additionalProperties": False}),
        ({"type": "array", "items": TEXT}, {}),
        ({"$ref": "#/$defs/In", "$defs": {"In": {"properties": {"a": TEXT}}}}, {"properties": {"a": TEXT}}),
        ({"$ref": "https://example.com/schema.json"}, {}),
        ({"anyOf": [{"required": ["a"]}], "properties": {"a": TEXT}}, {"properties": {"a": TEXT}}),
        (
            {"properties": {"a": {"oneOf": [TEXT, {"type": "null"}]}}},
            {"properties": {"a": {"anyOf": [TEXT, {"type": "null"}]}}},
        ),
        ({"properties": {"a": {"type": "string", "x-mcp-header": "Authorization"}}}, {"properties": {"a": TEXT}}),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, {"properties": {"a": {}}}),
        ({"properties": {"a": {"not": {"type": "x"}}, "b": True}}, {"properties": {"a": {}, "b": True}}),
        (
            {"properties": {"größe": TEXT, "b": TEXT}, "required": ["größe", "b"], "additionalProperties": False},
            {"properties": {"b": TEXT}, "required": ["b"]},
        ),
        ({"properties": {"a": {"type": "text", "minimum": "1", "enum": 3}}}, {"properties": {"a": {}}}),
        ({"properties": [], "required": "a", "type": "object"}, {}),
        ({"description": "one\ntwo\u200b", "title": "T"}, {"description": "one two"}),
        ({"properties": {"a": {"default": "x" * 30_000}}}, {}),
    ],
    ids=repr,
)
def test_a_declared_schema(schema: Any, expected: dict[str, Any]) -> None:
    found = declared(schema)
    found.pop("$defs", None)
    assert found == {"type": "object", **expected}


def test_a_deep_schema_is_cut() -> None:
    schema: dict[str, Any] = {}
    for _ in range(200):
        schema = {"properties": {"a": schema}}
    assert len(json.dumps(declared(schema))) < 1000


@pytest.mark.parametrize("definition", [None, {}, {"nodes": "none"}, {"nodes": [3, {"id": 4}]}, {"input_schema": 3}])
def test_a_definition_that_says_nothing_takes_anything(definition: Any) -> None:
    assert input_schema(definition) == OPEN


@pytest.mark.parametrize(
    ("nodes", "properties", "required"),
    [
        ([llm("a", "{{input.name}} and {{ input.name }}")], {"name": ANY}, ["name"]),
        (
            [llm("a", "{{input.user.name}} {{input.user.mail}}")],
            {"user": {"type": "object", "properties": {"name": ANY, "mail": ANY}, "required": ["name", "mail"]}},
            ["user"],
        ),
        ([llm("a", "{{input.rows.0.name}}")], {"rows": ANY}, ["rows"]),
        ([llm("a", "{{input.größe}} {{env.HOME}} {{b}} {{input}} {{}}")], {}, None),
        ([llm("a", "{{input.x}}", condition={"field": "y"})], {"x": ANY}, None),
        (
            [
                {"id": "if", "type": "conditional", "left_value": "{{input.kind}}", "true_branch": ["a"]},
                llm("a", "{{input.x}}"),
                llm("b", "{{input.z}} {{a}}"),
            ],
            {"kind": ANY, "x": ANY, "z": ANY},
            ["kind"],
        ),
        ([llm("a", "{{input.x}}", fallback="b"), llm("b", "{{input.y}}")], {"x": ANY, "y": ANY}, ["x"]),
        ([{"id": "t", "type": "tool", "tool": "x", "params": {"to": ["{{input.to}}"]}}], {"to": ANY}, ["to"]),
    ],
    ids=repr,
)
def test_templates(nodes: list[Any], properties: dict[str, Any], required: list[str] | None) -> None:
    found = input_schema({"nodes": nodes})
    assert (found.get("properties", {}), found.get("required")) == (properties, required)


def test_outputs_have_templates_too() -> None:
    assert input_schema({"nodes": [], "outputs": {"echo": "{{input.x}}"}})["required"] == ["x"]


@pytest.mark.parametrize(
    ("inputs", "fault"),
    [
        ({"n": 3}, None),
        ({"n": 3, "more": 4}, None),
        ({}, "inputs: 'n' is required"),
        ({"n": "3"}, "inputs.n: '3' is not of the type integer"),
        ({"n": 3, "code": "anything"}, None),  # the platform checks patterns
    ],
)
def test_inputs_are_checked(inputs: dict[str, Any], fault: str | None) -> None:
    code = {"type": "string", "pattern": "(a+)+$"}
    schema = declared({"properties": {"n": {"type": "integer"}, "code": code}, "required": ["n"]})
    assert schema["properties"]["code"] == code
    assert input_fault(schema, inputs) == fault
