"""The arguments of a tool: from the `input_schema` of a definition, else from its templates."""

from __future__ import annotations

import json
from typing import Any

from fibonacci.cli.mcp_server.input_schemas import input_schema
from tests.kit.nodes import llm

ANY = {"description": "Any JSON value."}
TEXT = {"type": "string"}


def declared(schema: Any) -> dict[str, Any]:
    return input_schema({"nodes": [llm("a", "{{input.unused}}")], "input_schema": schema})


def test_declared_schemas() -> None:
    expected: list[tuple[Any, dict[str, Any]]] = [
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
        ({"properties": {"a": {"not": TEXT}, "b": True}}, {"properties": {"a": {}, "b": True}}),
        ({"properties": {"a": {"not": {"type": "x"}}, "b": True}}, {}),
        (
            {"properties": {"größe": TEXT, "b": TEXT}, "required": ["größe", "b"], "additionalProperties": False},
            {"properties": {"b": TEXT}, "required": ["b"]},
        ),
        ({"properties": {"a": {"type": "text", "minimum": "1", "enum": 3}}}, {}),
        ({"properties": [], "required": "a", "type": "object"}, {}),
        ({"description": "one\ntwo\u200b", "title": "T"}, {"description": "one two"}),
        ({"properties": {"a": {"default": "x" * 30_000}}}, {}),
    ]
    for schema, part in expected:
        found = declared(schema)
        found.pop("$defs", None)
        assert (schema, found) == (schema, {"type": "object", **part})


def test_a_deep_schema_is_cut() -> None:
    schema: dict[str, Any] = {}
    for _ in range(200):
        schema = {"properties": {"a": schema}}
    assert len(json.dumps(declared(schema))) < 1000


def test_templates() -> None:
    expected: list[tuple[list[Any], dict[str, Any], list[str] | None]] = [
        ([llm("a", "{{input.name}} and {{ input.name }}")], {"name": TEXT}, ["name"]),
        ([llm("a", "{{input.name}}")], {"name": TEXT}, ["name"]),
        (
            [llm("a", "{{input.user.name}} {{input.user.mail}}")],
            {"user": {"type": "object", "properties": {"name": TEXT, "mail": TEXT}, "required": ["name", "mail"]}},
            ["user"],
        ),
        ([llm("a", "{{input.rows.0.name}}")], {"rows": ANY}, ["rows"]),
        ([llm("a", "{{input.größe}} {{env.HOME}} {{b}} {{input}} {{}}")], {}, None),
        ([llm("a", "{{input.x}}", condition={"field": "y"})], {"x": TEXT}, None),
        (
            [
                {"id": "if", "type": "conditional", "left_value": "{{input.kind}}", "true_branch": ["a"]},
                llm("a", "{{input.x}}"),
                llm("b", "{{input.z}} {{a}}"),
            ],
            {"kind": ANY, "x": TEXT, "z": TEXT},
            ["kind"],
        ),
        ([llm("a", "{{input.x}}", fallback="b"), llm("b", "{{input.y}}")], {"x": TEXT, "y": TEXT}, ["x"]),
        ([{"id": "t", "type": "tool", "tool": "x", "params": {"to": ["{{input.to}}"]}}], {"to": ANY}, ["to"]),
        (
            [llm("a", "{{input.to}}"), {"id": "t", "type": "tool", "tool": "x", "params": {"to": "{{input.to}}"}}],
            {"to": ANY},
            ["to"],
        ),
        (
            [{"id": "t", "type": "tool", "tool": "x", "params": {"subject": "About {{input.subject}}"}}],
            {"subject": TEXT},
            ["subject"],
        ),
    ]
    for nodes, properties, required in expected:
        found = input_schema({"nodes": nodes})
        assert (nodes, found.get("properties", {}), found.get("required")) == (nodes, properties, required)
