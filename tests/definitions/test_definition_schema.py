"""The JSON Schema of definition files: what the checks accept it accepts, and what it refuses they refuse."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from hypothesis import given

from fibonacci import Fibonacci
from fibonacci.definitions import WorkflowDefinition, check_definition, dump, format_definition, load, loads, to_plain
from fibonacci.definitions.checks.shape import unknown_keys
from fibonacci.definitions.files.source import Source, read_yaml
from fibonacci.emulator import Emulator
from tests.definitions.documents import DEFINITIONS
from tests.kit.assertions import check_rows
from tests.tools.markdown import ROOT, blocks_of

SCHEMA = files("fibonacci.definitions") / "definition.schema.json"
SEEN_BY_A_SCHEMA = {
    *("bad_id", "bad_operator", "invalid_value", "missing_field", "no_nodes", "not_json", "unknown_key", "wrong_type"),
}
"""The codes of the faults that a JSON Schema can find: shapes, and keys."""
ADDRESS = "https://docs.fibonacci.today/definition.schema.json"


@cache
def _validator() -> Any:
    jsonschema: Any = import_module("jsonschema")  # it has no types
    return jsonschema.Draft7Validator(json.loads(SCHEMA.read_text("utf-8")))


def faults(definition: Any) -> list[str]:
    """Return where the schema refuses a definition."""
    return [fault.json_path for fault in _validator().iter_errors(definition)]


def test_the_schema_is_one() -> None:
    schema = _validator().schema
    _validator().check_schema(schema)
    assert schema["$id"] == ADDRESS
    for name in ("Node", "LLMNode", "ToolNode", "CriticNode", "ConditionalNode", "Condition", "RetryPolicy"):
        for key, value in schema["definitions"][name]["properties"].items():
            assert value is True or value["description"], f"{name}.{key} is not explained in the editor"


def _written_definitions() -> list[tuple[str, Any]]:
    """Return every definition in YAML and JSON in the examples and pages, by its place."""
    found = [(str(path), path.read_text("utf-8")) for path in (ROOT / "examples").rglob("*.yaml")]
    for page in sorted((ROOT / "docs").rglob("*.md")):
        found += [(str(block), block.code) for block in blocks_of(page) if block.language in ("yaml", "json")]
    read = [(place, read_yaml(Source(text, place)).plain()) for place, text in found if re.search(r"\bnodes\b", text)]
    return [(place, value) for place, value in read if isinstance(value, dict) and "nodes" in value]


def test_the_examples_and_the_pages_are_as_the_checks_say() -> None:
    def check(definition: Any) -> None:
        known = [each for each in check_definition(definition) if each.code in SEEN_BY_A_SCHEMA]
        assert bool(faults(definition)) == bool(known), (faults(definition), known)

    written = _written_definitions()
    assert len(written) > 5
    assert sum(not faults(definition) for _, definition in written) > 4
    check_rows(written, check)


@given(DEFINITIONS)
def test_what_the_models_take_the_schema_takes_in_both_spellings(definition: WorkflowDefinition) -> None:
    for generation in ("newer", "older"):
        plain = to_plain(definition, generation=generation)
        unknown = list(unknown_keys(plain))
        assert bool(faults(plain)) == bool(unknown)


def test_faults_are_refused_and_what_may_be_written_is_not() -> None:
    llm: dict[str, Any] = {"id": "a", "type": "llm", "instruction": "Hi"}
    gate: dict[str, Any] = {"id": "g", "type": "conditional", "left_value": 1, "operator": "equals"}
    refused: list[tuple[dict[str, Any], str]] = [
        ({}, "$"),
        ({"nodes": []}, "$.nodes"),
        ({"nodes": [llm], "nodez": []}, "$"),
        ({"nodes": [llm], "timeout": 0}, "$.timeout"),
        ({"nodes": [llm], "default_retry": {"max_attempt": 3}}, "$.default_retry"),
        ({"nodes": ["a"]}, "$.nodes[0]"),
        ({"nodes": [{"type": "llm", "prompt": "Hi"}]}, "$.nodes[0]"),
        ({"nodes": [{"id": "a", "prompt": "Hi"}]}, "$.nodes[0]"),
        ({"nodes": [{**llm, "id": "My Node"}]}, "$.nodes[0].id"),
        ({"nodes": [{**llm, "temprature": 1}]}, "$.nodes[0]"),
        ({"nodes": [{**llm, "temperature": "1"}]}, "$.nodes[0].temperature"),
        ({"nodes": [{**llm, "temperature": 3}]}, "$.nodes[0].temperature"),
        ({"nodes": [{**llm, "max_tokens": 1.5}]}, "$.nodes[0].max_tokens"),
        ({"nodes": [{**llm, "dependencies": "b"}]}, "$.nodes[0].dependencies"),
        ({"nodes": [{**llm, "tool": "x"}]}, "$.nodes[0]"),
        ({"nodes": [{**llm, "condition": {"field": 1, "operator": "eq"}}]}, "$.nodes[0].condition"),
        ({"nodes": [{"id": "a", "type": "tool", "params": {}}]}, "$.nodes[0]"),
        ({"nodes": [{**gate, "operator": "equal"}]}, "$.nodes[0].operator"),
    ]
    for definition, place in refused:
        assert faults(definition)[0] == place
        assert {each.code for each in check_definition(definition)} & SEEN_BY_A_SCHEMA, definition
    taken: list[dict[str, Any]] = [
        {"$schema": ADDRESS, "nodes": [llm], "categories": ["financial"], "version": 2},
        {"nodes": [{"id": "a", "type": "llm", "prompt": "Hi", "schema": {}, "retry": {"max_attempts": 2, "delay": 1}}]},
        {"nodes": [{**llm, "max_tokens": 5.0, "model": None, "condition": None}]},
        {"nodes": [{"id": "t", "type": "tool", "tool": "x", "inputs": {"to": ["{{input.x}}"]}}]},
        {"nodes": [{"id": "l", "type": "loop", "over": "{{input.mails}}", "instruktion": 1}]},
    ]
    assert [faults(definition) for definition in taken] == [[]] * len(taken)


def test_the_address_in_a_file_is_for_editors_alone(tmp_path: Path) -> None:
    nodes = "nodes:\n- id: a\n  type: llm\n  prompt: Hi\n"
    text = f"# yaml-language-server: $schema={ADDRESS}\n$schema: {ADDRESS}\n{nodes}"
    assert "$schema" not in loads(text).model_dump()
    assert format_definition(text) == text.replace("prompt", "instruction")
    in_json = format_definition(json.dumps({"nodes": [], "$schema": ADDRESS}))
    assert list(json.loads(in_json).items()) == [("$schema", ADDRESS), ("nodes", [])]
    path = tmp_path / "greeter.json"
    path.write_text(json.dumps({"$schema": ADDRESS, "nodes": [{"id": "a", "type": "llm", "prompt": "Hi"}]}), "utf-8")
    assert check_definition(json.loads(path.read_text("utf-8"))) == []
    with Emulator() as emulator, Fibonacci(api_key=emulator.api_key, base_url=emulator.base_url) as client:
        (change,) = client.workflows.apply(client.workflows.plan(tmp_path)).changes
        created = client.workflows.create(name="x", definition=json.loads(path.read_text("utf-8")))
        changed = client.workflows.update(created.id, definition=json.loads(path.read_text("utf-8")))
        loaded = client.workflows.create(load(path), name="y")
        assert change.workflow_id
        for workflow in (client.workflows.get(change.workflow_id), created, changed, loaded):
            assert "$schema" not in (workflow.definition or {})
    dump(load(path), path)
    assert "$schema" not in path.read_text("utf-8")
