"""Default answers fit what reads them: each branch can be reached, and each documented field of a tool has a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fibonacci import Execution
from fibonacci.definitions.templates import as_text
from fibonacci.emulator import Emulator
from fibonacci.emulator.engine.tool_catalog import TOOLS
from tests.emulator.handling import create
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool

ASK = "Which is it? {{input.text}}"
SCORED = {"properties": {"score": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}}


def gate(left: Any, operator: str, right: Any = None, node_id: str = "gate") -> dict[str, Any]:
    return {"id": node_id, "type": "conditional", "left_value": left, "operator": operator, "right_value": right}


def runs(*nodes: dict[str, Any], emulator: Emulator | None = None, count: int = 12, **more: Any) -> list[Execution]:
    client = (emulator or Emulator()).client()
    workflow = create(client, *nodes, **more)
    ids = [client.workflows.execute(workflow, inputs={"text": f"mail {n}", "limit": 5}).id for n in range(count)]
    return [client.executions.get(execution_id) for execution_id in ids]


def results(shown: list[Execution], *gates: str) -> set[tuple[bool, ...]]:
    assert [execution.error for execution in shown if not execution.succeeded] == []
    outputs = [execution.outputs or {} for execution in shown]
    return {tuple(output[name]["result"] for name in gates) for output in outputs}


@each_row(
    ("node", "compared"),
    [
        (llm("a", ASK), ("{{a}}", "equals", "urgent")),
        (llm("a", ASK + " urgent?"), ("{{a}}", "contains", "urgent")),
        (llm("a", ASK), ("Answer: {{a}}", "ends_with", "urgent")),
        (llm("a", ASK), ("{{a}}", "greater_than", 7)),
        (llm("a", ASK), ("{{a}}", "greater_than", "{{input.limit}}")),
        (llm("a", ASK), ("{{a}}", "equals", "{{env.TEAM}}")),
        (llm("a", ASK, output_format="json"), ("{{a.answer}}", "equals", "urgent")),
        (llm("a", ASK, output_schema=SCORED), ("{{a.score}}", "greater_than", 7)),
        (llm("a", ASK, output_schema=SCORED), ("{{a.tags}}", "contains", "urgent")),
        (llm("a", ASK, output_schema={"type": "boolean"}), ("{{a}}", "equals", True)),
        (tool("a", "sql_query", {"query": ASK}), ("{{a.rows.0.total}}", "greater_than", 100)),
        (tool("a", "web_search", {"query": ASK}), ("{{a.results.0.title}}", "contains", "tides")),
    ],
)
def test_each_branch_can_be_reached(node: dict[str, Any], compared: tuple[Any, str, Any]) -> None:
    emulator = Emulator(env={"TEAM": "blue"})
    deciding = gate(*compared)
    nodes = [node, deciding]
    shown = runs(*nodes, emulator=emulator, count=6)
    assert results(shown, "gate") == {(True,), (False,)}
    (warning,) = (each for each in emulator.warnings if each.code == "made_up_answer")
    assert warning.location.endswith(" nodes[0]")
    assert "use a script for 'a'" in warning.message
    assert warning.message in ((shown[0].trace or [])[0].warnings or [])


def test_a_condition_and_what_stands_in_for_a_failed_node_count_too() -> None:
    condition = {"field": "{{a}}", "operator": "equals", "value": "urgent"}
    shown = runs(llm("a", ASK), llm("page", condition=condition))
    assert {(execution.trace or [])[1].status for execution in shown} == {"completed", "skipped"}
    emulator = Emulator()
    emulator.script("a", [None], repeat=True)  # no number: the node fails, and its fallback answers
    deciding = gate("{{a}}", "equals", "urgent")
    nodes = llm("a", fallback="b", output_schema={"type": "string"}), llm("b", ASK)
    assert results(runs(*nodes, deciding, emulator=emulator), "gate") == {(True,), (False,)}


@each_row(
    ("schema", "values"),
    [
        ({"enum": ["a", "b", "c"]}, {"a", "b", "c"}),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, {"a", "b"}),
        ({"type": "string", "examples": ["a", "b", 5]}, {"a", "b"}),
        ({"type": "string", "default": "b"}, {"b"}),
    ],
)
def test_what_a_schema_suggests_is_chosen_among(schema: dict[str, Any], values: set[str]) -> None:
    emulator = Emulator()
    shown = runs(llm("a", ASK, output_schema=schema), emulator=emulator, count=12)
    assert {(execution.outputs or {})["a"] for execution in shown} == values
    assert [each.code for each in emulator.warnings] == ["made_up_answer"] * (len(values) > 1)


def test_an_answer_without_a_choice_is_no_warning() -> None:
    emulator = Emulator()
    (shown,) = runs(llm("a", ASK), llm("b", "{{a}}"), gate("{{b}}", "equals", "{{a}}"), emulator=emulator, count=1)
    assert (shown.outputs or {})["a"] == "[default model] Which is it? mail 0"
    assert [each.code for each in emulator.warnings] == ["no_branches"]


FIELDS: Mapping[str, list[str]] = {
    "slack_send_message": ["sent", "message_id"],
    "gmail_send": ["sent", "message_id"],
    "email_send": ["sent", "message_id"],
    "http_request": ["status", "headers", "body", "body.items.0.id"],
    "web_search": ["results.0.title", "results.0.url", "results.0.snippet"],
    "web_scrape": ["url", "title", "text"],
    "sql_query": ["rows", "rows.0.name", "rows.2.city"],
    "json_transform": ["result", "result.n"],
    "google_sheets_read": ["values.0.0", "values.3.1"],
    "google_sheets_write_range": ["updated_cells"],
    "file_read": ["text"],
    "file_write": ["written"],
    "calculator": ["result"],
    "memory_set": ["params.value"],
    "wait": ["params.seconds"],
}


def test_each_tool_gives_the_documented_fields() -> None:
    values: dict[str, Any] = {"string": "x", "number": 0, "integer": 1, "array": [["x"]], "object": {}}

    def params(name: str) -> dict[str, Any]:
        needed: Any = TOOLS[name]["parameters"]
        kinds: dict[str, str] = {key: needed["properties"][key].get("type", "string") for key in needed["required"]}
        given = {key: values[kind] for key, kind in kinds.items()}
        return given | {"text": "x"} if name.startswith("slack") else given

    assert FIELDS.keys() == TOOLS.keys()
    nodes = [tool(name, name, params(name)) for name in FIELDS]
    read = {f"{name}.{path}": f"{{{{{name}.{path}}}}}" for name, paths in FIELDS.items() for path in paths}
    (shown,) = runs(*nodes, emulator=Emulator(strict=True), count=1, outputs=read)
    assert shown.error is None
    assert [name for name, value in (shown.outputs or {}).items() if as_text(value) in ("", "null")] == []


@each_row(
    ("expression", "result"),
    [
        ("2 * (3 + 4)", 14),
        ("-7 / 2 % 3", 2.5),
        ("1 - +1", 0),
        ("1/0", "[calculator] 1/0"),
        ("2 ** 9", "[calculator] 2 ** 9"),
        ("(" * 200, "[calculator] " + "(" * 200),
        ("9" * 600, "[calculator] " + "9" * 600),
    ],
)
def test_the_calculator_calculates(expression: str, result: object) -> None:
    (shown,) = runs(tool("a", "calculator", {"expression": expression}), count=1)
    assert (shown.outputs or {})["a"]["result"] == result
