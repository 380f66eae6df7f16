"""The inputs of a run beside the definition of the workflow."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from fibonacci.definitions import check_inputs
from fibonacci.definitions.checks.inputs import INPUT_SEVERITIES, in_one_line
from tests.kit.assertions import each_row
from tests.kit.nodes import llm

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"count": {"type": "integer"}, "team": {"type": "string"}},
    "required": ["count"],
}
COUNT: dict[str, Any] = {"nodes": [llm("a", "{{input.count}} {{input.team}}")], "input_schema": SCHEMA}
NODES = [llm("a", "{{input.count}}")]
BRANCH = {
    "nodes": [
        {
            "id": "gate",
            "type": "conditional",
            "left_value": "{{input.kind}}",
            "operator": "is_empty",
            "true_branch": ["yes"],
        },
        llm("yes", "{{input.note}}"),
        llm("after", "{{yes}} {{input.more}}"),
        llm("always", "{{yes}} {{gate}} {{input.all}}"),
        {**llm("maybe", "{{input.last}}"), "condition": {"field": "{{input.kind}}", "operator": "equals", "value": 1}},
    ]
}


def with_schema(**schema: Any) -> dict[str, Any]:
    return {"nodes": NODES, "input_schema": {**SCHEMA, **schema}}


NOT_GIVEN = "inputs.team: it is not given, but used by node 'a'"
MEANT = "there is no such input. Did you mean"


@each_row(
    ("definition", "inputs", "errors", "warnings"),
    [
        ({"nodes": [llm("a", "{{input.user.0.x}}")]}, {"user": [{"x": None}]}, "", ""),
        (
            {"nodes": [llm("a", "{{input.user.mail}}")], "outputs": {"o": "{{input.o}}"}},
            {"user": {}},
            "inputs.user.mail: it is missing, but used by node 'a'; inputs.o: it is missing, but used by the outputs",
            "",
        ),
        ({"nodes": [llm("a", "x")]}, {"b": 1}, "", "inputs.b: there is no such input: the workflow has none"),
        ({"nodes": [llm("a", "{{input}}")]}, {"anything": 1}, "", ""),
        (COUNT, {"count": 1, "team": "x"}, "", ""),
        (COUNT, {"count": "1", "team": "x"}, "inputs.count: '1' is not of the type integer", ""),
        (COUNT, {"team": "x"}, "inputs.count: it is missing, but used by node 'a'", ""),
        (COUNT, {"count": 1, "tema": "x"}, f"inputs.tema: {MEANT} 'team'?", NOT_GIVEN),
        (
            COUNT,
            {"count": 1, "Team": "x", "team": "x"},
            *("", "inputs.Team: there is no such input: the inputs are count, team"),
        ),
        (
            with_schema(additionalProperties=False),
            {"count": 1, "x": 2},
            "inputs.x: 'x' is not among its properties",
            "",
        ),
        (with_schema(additionalProperties=True), {"count": 1, "more": "x"}, "", ""),
        (with_schema(additionalProperties=True), {"count": 1, "taem": "x"}, f"inputs.taem: {MEANT} 'team'?", ""),
        (
            {"nodes": NODES, "input_schema": {"$ref": "#/$defs/In", "$defs": {"In": SCHEMA}}},
            {"cuont": 1},
            *(f"inputs.count: it is missing, but used by node 'a'; inputs.cuont: {MEANT} 'count'?", ""),
        ),
        (
            {"nodes": [llm("a", "x")], "input_schema": {"properties": {"rows": {"items": SCHEMA}}, "required": ["by"]}},
            {"rows": [{"count": 1}, {}, {"count": "x"}]},
            "inputs.rows[1].count: 'count' is required; inputs.rows[2].count: 'x' is not of the type integer;"
            " inputs.by: 'by' is required",
            "",
        ),
        (with_schema(properties="malformed"), {"count": 1}, "", ""),
        (with_schema(properties={"count": {"$ref": "https://a"}}), {"count": 1}, "", ""),
        (
            with_schema(properties={"count": {"pattern": "(?=a)"}}),
            {"count": "b"},
            "",
            "inputs.count: the pattern '(?=a)' cannot be read: look-around, including look-ahead and look-behind,"
            " is not supported",
        ),
        (with_schema(properties={0: {}}), {"count": 1}, "", ""),
        (None, {"b": 1}, "", ""),
        ({"nodes": "unreadable"}, {"b": 1}, "", ""),
        ({"nodes": [llm("a", "{{input.a b}}")]}, None, "", ""),
        (
            BRANCH,
            {"kind": "z", "all": 1},
            "",
            "inputs.note: it is not given, but may be used by node 'yes'; inputs.more: it is not given, but may be used"
            " by node 'after'; inputs.last: it is not given, but may be used by node 'maybe'",
        ),
        (
            BRANCH,
            {"note": 1, "more": 1, "last": 1},
            "inputs.kind: it is missing, but used by node 'gate', node 'maybe'; inputs.all: it is missing, but used by"
            " node 'always'",
            "",
        ),
    ],
)
def test_what_is_wrong(definition: Any, inputs: dict[str, Any], errors: str, warnings: str) -> None:
    problems = check_inputs(definition, inputs)
    assert in_one_line(problems.errors) == errors
    assert in_one_line(problems.warnings) == warnings
    assert all(problem.severity == INPUT_SEVERITIES[problem.code] for problem in problems)


class Mail(BaseModel):
    sent: date
    reply_to: str = Field(default="ada@example.org", alias="replyTo")


class InputTicket(BaseModel):
    mail: Mail
    depth: int = 3


def test_a_model_is_checked_as_it_is_sent() -> None:
    definition = {"nodes": [llm("a", "{{input.depth}} {{input.mail.replyTo}} {{input.mail.sent}}")]}
    mail = Mail(sent=date(2026, 11, 28))
    assert check_inputs(definition, InputTicket(mail=mail)) == []
    assert check_inputs(definition, {"mail": mail, "depth": 1}) == []
    schema = {"type": "object", "properties": {"mail": {"properties": {"sent": {"type": "string"}}}}}
    assert check_inputs({**definition, "input_schema": schema}, InputTicket(mail=mail)).errors == []


def test_inputs_that_are_too_deep_are_not_checked() -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    [problem] = check_inputs({"nodes": NODES}, {"count": deep})
    assert str(problem) == (
        "inputs: warning: they have more than 64 levels of objects and arrays, so they aren't checked"
    )


def test_other_arguments_are_refused() -> None:
    with pytest.raises(
        TypeError, match="inputs must be a mapping of names to values, or a Pydantic model with fields, not list"
    ):
        check_inputs({"nodes": []}, [1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"not str\. To read a file, use load\(path\)"):
        check_inputs("flow.yaml", {})  # type: ignore[arg-type]


def test_the_table_of_the_reference_has_every_code() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "checking-definitions.md"
    lines = page.read_text("utf-8").splitlines()
    for code, severity in INPUT_SEVERITIES.items():
        assert any(line.startswith(f"| `{code}` | {severity} |") for line in lines), code
