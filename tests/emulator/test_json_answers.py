"""Answers of language models as JSON, and the JSON Schemas that they have to fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fibonacci.definitions.json_schema import first_fault
from fibonacci.emulator import Emulator
from fibonacci.emulator.engine.default_nodes import sample
from tests.emulator.api import Api
from tests.emulator.handling import create, details
from tests.kit.assertions import each_row
from tests.kit.nodes import llm

URGENCY = {
    "type": "object",
    "properties": {"urgency": {"enum": ["high", "low"]}, "score": {"type": "integer", "minimum": 3}},
    "required": ["urgency", "score"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("schema", [{"output_schema": URGENCY}, {"schema": URGENCY}])
def test_the_default_answer_fits_the_schema(api: Api, schema: dict[str, Any]) -> None:
    execution = api.run(llm("a") | schema, llm("b", "{{a.urgency}} {{a.score}}"))
    urgency = execution["outputs"]["a"]["urgency"]
    assert urgency in ("high", "low")
    assert execution["outputs"] == {"a": {"urgency": urgency, "score": 3}, "b": f"[default model] {urgency} 3"}


def test_the_default_answer_as_json_is_an_object(api: Api) -> None:
    assert api.run(llm("a", output_format="json"))["outputs"] == {"a": {"answer": "[default model] do"}}


def test_a_schema_without_a_simple_value_fails_the_node_with_a_remedy(api: Api) -> None:
    execution = api.run(llm("a", output_schema={"type": "string", "pattern": "^[0-9]{3}$"}))
    assert "the emulator finds no value that fits output_schema" in execution["error"]
    assert "examples" in execution["error"]
    with_example = {"type": "string", "pattern": "^[0-9]{3}$", "examples": ["123"]}
    assert api.run(llm("a", output_schema=with_example))["outputs"] == {"a": "123"}


def outcome(answer: Any, **node: Any) -> Any:
    emulator = Emulator(time="skip")
    emulator.llm(lambda _: answer)
    client = emulator.client()
    execution = client.workflows.execute(create(client, llm("a", **node), allow_partial_results=True))
    return details(client, client.executions.wait(execution.id).id)


@pytest.mark.usefixtures("patient")
@each_row(
    ("node", "answer", "output"),
    [
        ({"output_format": "json"}, '{"n": 1}', {"n": 1}),
        ({"output_format": "json"}, {"n": 1}, {"n": 1}),
        ({"output_format": "text"}, '{"n": 1}', '{"n": 1}'),
    ],
)
def test_a_text_of_a_handler_is_parsed_where_json_is_asked_for(node: Any, answer: Any, output: Any) -> None:
    assert outcome(answer, **node)["outputs"] == {"a": output}


@pytest.mark.usefixtures("patient")
@each_row(
    ("answer", "message"),
    [
        ("high", "the answer is not JSON"),
        ('one {"urgency": "high"} or {"urgency": "low"} two', "the answer is not JSON"),
        ("```1```\nor\n```2```", "the answer is not JSON"),
        ('{"urgency": "high"}', "answer: 'score' is required"),
        ({"urgency": "mid", "score": 3}, "answer.urgency: 'mid' is not one of 'high', 'low'"),
        ({"urgency": "low", "score": 3, "x": 1}, "answer: 'x' is not among its properties"),
    ],
)
def test_an_answer_that_is_not_such_json_fails_the_node(answer: Any, message: str) -> None:
    shown = outcome(answer, output_schema=URGENCY)
    assert shown["status"] == "failed"
    assert message in shown["error"]


@pytest.mark.usefixtures("patient")
@each_row(
    ("answer", "output", "before", "after"),
    [
        ('```json\n{"n": 1}\n```', {"n": 1}, "'```json'", "'```'"),
        ('Here it is:\n\n``` JSON {"n": 1} ```\nAnything else?', {"n": 1}, "'Here it is:\\n\\n``` JSON'", "'```\\nAny"),
        ('```json\n{"code": "```py```"}\n```', {"code": "```py```"}, "'```json'", "'```'"),
        ('{"code": "```1```"}', {"code": "```1```"}, "", ""),
        ('Sure! {"n": [1]} hope that helps', {"n": [1]}, "'Sure!'", "'hope that helps'"),
        ("Here you are: [1, 2]", [1, 2], "'Here you are:'", "''"),
    ],
)
def test_json_in_other_text_is_parsed_and_the_trace_says_what_was_dropped(
    answer: str, output: Any, before: str, after: str
) -> None:
    shown = outcome(answer, output_format="json")
    assert shown["outputs"] == {"a": output}
    (node,) = shown["trace"]
    assert [remark for remark in node["warnings"] if before not in remark or after not in remark] == []
    assert len(node["warnings"]) == bool(before)


SCHEMAS: list[tuple[Any, list[Any], list[Any]]] = [
    (True, [1, None], []),
    (False, [], [1]),
    ({"type": "integer"}, [1, 1.0], [1.5, True, "1"]),
    ({"type": ["string", "null"]}, ["a", None], [1]),
    ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, [0, 0.5], [1, -1]),
    ({"type": "integer", "exclusiveMinimum": 4, "maximum": 9, "multipleOf": 3}, [6, 9], [3, 7, 12]),
    ({"const": {"a": [1]}}, [{"a": [1.0]}], [{"a": [True]}, {"a": []}]),
    ({"enum": [1, "x"]}, [1, "x"], [True, "y"]),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab"], ["a", "abcd"]),
    ({"pattern": "^a"}, ["ab", 5], ["ba"]),
    ({"pattern": "^(a+)+$", "examples": ["a"]}, ["a" * 40], ["a" * 40 + "!"]),
    ({"items": {"type": "integer"}, "minItems": 1, "maxItems": 2, "type": "array"}, [[1]], [[], ["1"], [1, 2, 3]]),
    ({"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True}, [["a", "b"]], [["a", "a"]]),
    ({"prefixItems": [{"type": "integer"}], "items": {"type": "string"}, "type": "array"}, [[1, "a"]], [["a"], [1, 2]]),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1}], [{"a": "1"}]),
    ({"type": "object", "minProperties": 1, "maxProperties": 1}, [{"a": 1}], [{}, {"a": 1, "b": 2}]),
    ({"anyOf": [{"type": "string"}, {"minimum": 5, "type": "number"}]}, ["a", 5], [4]),
    ({"oneOf": [{"type": "integer"}, {"minimum": 5, "type": "number"}]}, [4, 5.5], [5, "a"]),
    ({"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "boolean"}}}]}, [{"a": True}], [{"a": 1}]),
    ({"not": {"type": "string"}, "type": ["integer", "string"]}, [1], ["a"]),
    ({"type": "object", "properties": {"next": {"$ref": "#"}}}, [{}, {"next": {"next": {}}}], [{"next": {"next": 1}}]),
    ({"$ref": "#/definitions/a~1b", "definitions": {"a/b": {"const": 1}}}, [1], [2]),
    ({"$ref": "#/$defs/gone"}, [], [1]),
    ({"$ref": "#"}, [], [1]),
    ({"allOf": [{"$ref": "#"}]}, [], [1]),
]


@each_row(("schema", "right", "wrong"), SCHEMAS)
def test_which_values_fit(schema: Any, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if first_fault(schema, value, "it") is not None] == []
    assert [value for value in wrong if first_fault(schema, value, "it") is None] == []


@each_row("schema", [schema for schema, right, _ in SCHEMAS if right and "not" not in str(schema)])
def test_a_sample_fits(schema: Any) -> None:
    if schema not in ({"pattern": "^a"}, {"not": {"type": "string"}}):
        assert first_fault(schema, sample(schema, "text"), "it") is None
    assert sample(schema, "text") == sample(schema, "text")


MALFORMED: list[dict[str, Any]] = [
    *({"enum": 5}, {"required": 1}, {"properties": []}, {"minimum": "x"}, {"items": 5}, {"allOf": 1}, {"anyOf": [1]}),
    *({"pattern": 5}, {"pattern": "("}, {"type": 5}, {"type": [{}]}, {"multipleOf": 0}, {"minLength": "a"}),
    *({"$ref": 5}, {"additionalProperties": 3}, {"prefixItems": 1}),
]


def returning(value: Any) -> Callable[[object], Any]:
    return lambda _: value


def test_a_malformed_schema_fails_the_node_and_no_request() -> None:
    emulator = Emulator()
    client = emulator.client()
    workflow = create(client, *(llm(f"n{number}", output_schema=schema) for number, schema in enumerate(MALFORMED)))
    for answer in (None, {"a": 1}, [1], "x", 5):  # first without a handler
        if answer is not None:
            emulator.llm(returning(answer))
        execution = client.executions.wait(client.workflows.execute(workflow).id, timeout=20).model_dump()
        assert len(execution["nodes"]) == len(MALFORMED)
        assert {node["status"] for node in execution["nodes"]} <= {"completed", "failed"}


PAIR = {"properties": {name: {"$ref": "#/$defs/pair"} for name in ("one", "other")}, "required": ["one", "other"]}


@each_row(
    "schema",
    [
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"type": "object", "minProperties": 10**9},
        {"type": "array", "minItems": 5_000, "items": {"type": "array", "minItems": 5_000}},
        {"$ref": "#/$defs/pair", "$defs": {"pair": {"type": "object", **PAIR}}},
    ],
)
def test_a_schema_of_huge_values_fails_the_node_at_once(api: Api, schema: dict[str, Any]) -> None:
    execution = api.run(llm("a", output_schema=schema))
    assert "the emulator finds no value that fits output_schema" in execution["error"]
