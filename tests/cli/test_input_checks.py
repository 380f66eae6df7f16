"""The inputs of a run beside the definition of the workflow."""

from __future__ import annotations

from typing import Any

from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.inputs.check import check_inputs
from tests.emulator.api import llm
from tests.kit.assertions import check_each

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"count": {"type": "integer"}, "team": {"type": "string"}},
    "required": ["count"],
}
COUNT: dict[str, Any] = {"nodes": [llm("a", "{{input.count}} {{input.team}}")], "input_schema": SCHEMA}
BRANCH = {
    "nodes": [
        {
            "id": "gate",
            "type": "conditional",
            "left_value": "{{input.kind}}",
            "operator": "equals",
            "right_value": "x",
            "true_branch": ["yes"],
            "false_branch": [],
        },
        llm("yes", "{{input.note}}"),
        llm("after", "{{yes}} {{input.more}}"),
        {**llm("maybe", "{{input.last}}"), "condition": {"field": "{{input.kind}}", "operator": "equals", "value": 1}},
    ]
}


def checked(definition: object, inputs: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the fault of the inputs, empty for none, and the warnings."""
    warnings: list[str] = []
    try:
        check_inputs(definition, inputs, warnings.append)
    except UsageError as error:
        return str(error), warnings
    return "", warnings


def test_what_is_a_fault() -> None:
    def check(row: tuple[object, dict[str, Any], str]) -> None:
        definition, inputs, fault = row
        assert checked(definition, inputs)[0] == fault

    rows: list[tuple[object, dict[str, Any], str]] = [
        ({"nodes": [llm("a", "{{input.user.mail}}")]}, {"user": {}}, "the input 'user.mail' is missing, for node 'a'"),
        ({"nodes": [llm("a", "{{input.user.0.x}}")]}, {"user": [{"x": None}]}, ""),
        ({"nodes": [llm("a", "x")], "outputs": {"o": "{{input.o}}"}}, {}, "the input 'o' is missing, for the outputs"),
        ({"nodes": [llm("a", "x")]}, {"b": 1}, "there is no input 'b': the workflow has none"),
        ({"nodes": [llm("a", "{{input}}")]}, {"anything": 1}, ""),
        (COUNT, {"count": 1, "team": "x"}, ""),
        (
            COUNT,
            {"count": "1"},
            "inputs.count: '1' is not of the type integer; --input count:=JSON has a type, count=TEXT is a text",
        ),
        (COUNT, {}, "the input 'count' is missing, for node 'a'"),
        (COUNT, {"count": 1, "tema": "x"}, "there is no input 'tema'; did you mean 'team'?"),
        ({**COUNT, "input_schema": {**SCHEMA, "additionalProperties": True}}, {"count": 1, "more": "x"}, ""),
        ({**COUNT, "input_schema": {**SCHEMA, "properties": "malformed"}}, {"count": 1, "team": 1}, ""),
        ({**COUNT, "input_schema": {"properties": {"count": {"$ref": "https://a"}, "team": {}}}}, {"count": 1}, ""),
        (None, {"b": 1}, ""),
        ({"nodes": "unreadable"}, {"b": 1}, ""),
        ({"nodes": [llm("a", "{{input.a b}}")]}, {}, ""),
    ]
    check_each(rows, check)


def test_an_input_of_a_node_that_may_be_skipped_is_a_warning() -> None:
    fault, warnings = checked(BRANCH, {"kind": "z"})
    assert fault == ""
    assert warnings == [
        "the input 'note' is not given; it may be needed for node 'yes'",
        "the input 'more' is not given; it may be needed for node 'after'",
        "the input 'last' is not given; it may be needed for node 'maybe'",
    ]
    assert checked(BRANCH, {})[0] == "the input 'kind' is missing, for node 'gate', node 'maybe'"


def test_an_optional_input_of_the_schema_is_a_warning() -> None:
    assert checked(COUNT, {"count": 1}) == ("", ["the input 'team' is not given; it may be needed for node 'a'"])
