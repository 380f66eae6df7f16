"""What a template gives: fields that there are not, values that may be left out, comparisons that make no sense."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from fibonacci.definitions import check_definition
from fibonacci.definitions.json_schema import first_fault
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.operators import OPERATORS, OperatorError, evaluate
from fibonacci.definitions.template_types import TemplateTypes, kind_of
from fibonacci.definitions.templates import follow, parse
from tests.kit.assertions import check_each, each_row
from tests.kit.nodes import llm

INPUTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mail": {"type": "string"},
        "amount": {"type": "number"},
        "depth": {"type": "integer", "default": 3},
        "tags": {"type": "array", "items": {"enum": ["new", "old"]}},
        "sender": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
    "required": ["mail", "amount", "tags", "sender"],
}
TICKET: dict[str, Any] = {
    "type": "object",
    "properties": {
        "team": {"enum": ["billing", "sales"]},
        "score": {"type": "integer"},
        "level": {"enum": [1, 2, "none"]},
        "ok": {"type": "boolean"},
        "note": {"type": ["string", "null"]},
        "pair": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "string"}]},
    },
}


def gate(left: Any, operator: str, right: Any = None, **more: Any) -> dict[str, Any]:
    branches = {"true_branch": ["yes"], "false_branch": ["no"]}
    return {"id": "gate", "type": "conditional", "left_value": left, "operator": operator, **branches, **more} | (
        {} if right is None else {"right_value": right}
    )


NODES = [
    llm("text", "{{input.mail}}"),
    llm("ticket", output_schema=TICKET),
    llm("any", output_format="json"),
    {"id": "search", "type": "tool", "tool": "web_search"},
    {"id": "judge", "type": "critic", "target_node": "text", "criteria": ["tone", "length"]},
    {"id": "loose", "type": "critic", "target_node": "text", "criteria": ["{{input.mail}}"]},
    {"id": "plain", "type": "critic", "target_node": "text"},
    llm("yes"),
    llm("no"),
]


def found(*nodes: dict[str, Any], input_schema: dict[str, Any] | None = INPUTS) -> list[tuple[str, str, str]]:
    """Return code, location and message of the problems of nodes beside those above, except that nothing uses them."""
    definition: dict[str, Any] = {"nodes": [*NODES, gate("{{ticket.team}}", "equals", "sales"), *nodes]}
    if nodes and nodes[0]["id"] == "gate":
        definition["nodes"] = [*NODES, *nodes]
    problems = check_definition(definition if input_schema is None else {**definition, "input_schema": input_schema})
    return [(each.code, each.location, each.message) for each in problems]


def said(*nodes: dict[str, Any], **more: Any) -> list[str]:
    return [f"{code}: {message}" for code, _, message in found(*nodes, **more)]


def test_the_definition_itself_has_no_problem() -> None:
    assert found() == []


@each_row(
    ("path", "end"),
    [
        ("text.title", "'text' is text, which has no fields. An answer has fields if the node has an output_schema"),
        ("judge.score", "'judge' has no 'score', only passed, overall_score, criteria_scores"),
        ("judge.criteria_scores.tnoe", "has no 'tnoe', only tone, length. Did you mean 'tone'?"),
        ("plain.criteria_scores.tone", "has no 'tone', only quality, correctness, completeness"),
        ("gate.resutl", "'gate' has no 'resutl', only result, branch. Did you mean 'result'?"),
        ("ticket.note.length", "'ticket.note' is text or null, which has no fields"),
        ("ticket.score.0", "'ticket.score' is a number, which has no fields"),
        ("input.maill", "input_schema has no 'maill', only mail, amount, depth, tags, sender. Did you mean 'mail'?"),
        ("input.sender.nam", "'input.sender' has no 'nam', only name. Did you mean 'name'?"),
        ("input.tags.first", "'input.tags' is a list: 'first' is not an index of it. Use a number, such as 0"),
    ],
)
def test_a_field_that_is_not_there_is_an_error_that_lists_the_fields(path: str, end: str) -> None:
    (problem,) = said(llm("x", f"{{{{{path}}}}}"))
    assert problem.startswith(f"unknown_{'input' if path.startswith('input') else 'field'}: {{{{{path}}}}}: ")
    assert end in problem


def test_a_field_that_may_be_there_is_no_problem() -> None:
    def check(path: str) -> None:
        assert said(llm("x", f"{{{{{path}}}}}")) == []

    check_each(
        [
            *("any.x.y", "search.0.title", "memory.rules.0", "env.X", "secrets.Y.z", "input", "ticket"),
            *("judge.passed", "judge.criteria_scores.tone", "loose.criteria_scores.clarity", "gate.branch.1"),
            *("ticket.team", "ticket.pair.0", "ticket.pair.7.x", "input.tags.12", "input.mail"),
        ],
        check,
    )
    assert said(llm("x", "{{input.whatever.0}}"), input_schema=None) == []


def test_a_fallback_stands_in_for_a_node() -> None:
    first = llm("first", output_schema={"properties": {"a": {}}}, fallback="second")
    second = llm("second", output_schema={"properties": {"b": {}}}, fallback="third")
    reader = llm("x", "{{first.a}} {{first.b}} {{first.c}}")
    assert [message for _, _, message in found(first, second, reader, llm("third"))] == [
        "{{first.c}}: 'first' has no 'c', only a, b"
    ]
    tool = {"id": "third", "type": "tool", "tool": "web_search"}
    assert found(first, second, reader, tool) == []
    assert [code for code, _, _ in found(first | {"fallback": "lost"}, reader)] == ["unknown_fallback"]


def test_a_field_that_an_answer_may_leave_out() -> None:
    schema: dict[str, Any] = {"properties": {"a": {}, "b": {}}, "required": ["a"]}
    (problem,) = said(llm("v", output_schema=schema), llm("x", "{{v.a}} {{v.b}}"))
    assert problem.startswith("may_have_no_value: {{v.b}} may have no value: the output_schema of 'v' does not require")
    del schema["required"]
    assert said(llm("v", output_schema=schema), llm("x", "{{v.a}} {{v.b}}")) == []
    inner: dict[str, Any] = {"properties": {"b": {"properties": {"c": {}}, "required": []}}, "required": ["b"]}
    (deep,) = said(llm("v", output_schema={"properties": {"a": inner}, "required": ["a"]}), llm("x", "{{v.a.b.c}}"))
    assert "the output_schema of 'v' does not require 'c'" in deep


def test_a_value_that_a_comparison_has_asked_for_is_there() -> None:
    inputs: dict[str, Any] = {"properties": {"note": {}, "user": {"properties": {"name": {}}}}}
    reads = llm("yes", "{{input.note}}")

    def places(*nodes: dict[str, Any], **more: Any) -> list[str]:
        """Return the nodes that read what may have no value."""
        definition = {"nodes": list(nodes), "input_schema": inputs, **more}
        problems = [each for each in check_definition(definition) if each.code == "may_have_no_value"]
        return [each.location.replace("nodes[", "").replace("]", "") for each in problems]

    not_empty = gate("{{input.note}}", "is_not_empty")
    no, other = llm("no"), llm("no", "{{input.note}}")
    after = llm("after", "{{yes}} {{input.note}}")
    inner = {**gate("{{yes}}", "is_empty"), "id": "inner", "true_branch": ["deep"], "false_branch": []}
    asks_nothing = {**gate("{{no}}", "contains", "x"), "id": "or"}
    condition = {"field": "{{input.note}}", "operator": "is_not_empty"}
    user = gate("{{input.user}}", "is_not_empty")
    rows: list[tuple[str, list[dict[str, Any]], list[str]]] = [
        ("in its branch", [not_empty, reads, no], []),
        ("in the other branch", [not_empty, llm("yes"), other], ["2.instruction"]),
        ("empty", [gate("{{input.note}}", "is_empty"), reads, other], ["1.instruction"]),
        ("after the branch", [not_empty, reads, no, after], []),
        ("after both branches", [not_empty, reads, no, after | {"dependencies": ["no"]}], ["3.instruction"] * 2),
        ("in a nested branch", [not_empty, reads, no, inner, llm("deep", "{{input.note}}")], []),
        ("in two branches, one of which asks for nothing", [not_empty, reads, no, asks_nothing], ["1.instruction"]),
        ("in both branches", [not_empty | {"false_branch": ["yes"]}, reads], ["1.instruction"]),
        ("own condition", [reads | {"condition": condition}], []),
        (
            "own condition on another",
            [reads | {"condition": condition | {"field": "{{input.user}}"}}],
            ["0.instruction"],
        ),
        ("the comparison fails without it", [gate("{{input.note}}", "equals", "x"), reads, other], ["0.left_value"]),
        ("a part of what was asked for", [user, llm("yes", "{{input.user.name}}"), no], ["1.instruction"]),
        (
            "what a part was asked of",
            [gate("{{input.user.name}}", "is_not_empty"), llm("yes", "{{input.user}}"), no],
            [],
        ),
    ]
    for name, nodes, expected in rows:
        assert places(*nodes) == expected, name
    assert places(not_empty, llm("yes"), no, outputs={"x": "{{input.note}}"}) == ["outputs.x"]


def test_a_comparison_that_never_holds() -> None:
    def check(row: tuple[Any, str, Any, str | None]) -> None:
        left, operator, right, end = row
        problems = found(gate(left, operator, right))
        assert problems == [] if end is None else [each[0] for each in problems] == ["never_matches"]
        if end is not None:
            assert problems[0][2].endswith(end)
            assert problems[0][1] == f"nodes[9].{'right' if '{{' in str(left) else 'left'}_value"

    team = "so the comparison is always false: it is one of 'billing', 'sales'. Did you mean 'billing'?"
    rows: list[tuple[Any, str, Any, str | None]] = [
        ("{{ticket.team}}", "equals", "billling", f"{{{{ticket.team}}}} never equals 'billling', {team}"),
        ("{{ticket.team}}", "not_equals", "billling", team.replace("false", "true")),
        ("billling", "equals", "{{ticket.team}}", team.replace("it is", "{{ticket.team}} is")),
        ("{{ticket.team}}", "equals", "billing", None),
        ("{{ticket.team}}", "equals", "{{ticket.note}}", None),
        ("{{ticket.team}}", "equals", "{{search.team}}", None),
        ("{{ticket.team}}", "equals", "{{ticket.score}}", "'sales', and {{ticket.score}} is a number"),
        ("{{ticket.team}}", "contains", "bill", None),
        ("{{ticket.team}}", "contains", "bug", "it is one of 'billing', 'sales'"),
        ("{{ticket.team}}", "starts_with", "B", "it is one of 'billing', 'sales'"),
        ("{{ticket.team}}", "ends_with", "les", None),
        ("{{ticket.score}}", "equals", "high", "it is a number"),
        ("{{ticket.score}}", "equals", "5", None),
        ("{{ticket.score}}", "equals", True, "it is a number"),
        ("{{ticket.level}}", "equals", "2", None),
        ("{{ticket.level}}", "equals", 3, "it is one of 1, 2, 'none'"),
        ("{{ticket.ok}}", "equals", "yes", "it is true or false"),
        ("{{ticket.ok}}", "equals", "true", None),
        ("{{judge.passed}}", "equals", "passed", "it is true or false"),
        ("{{text}}", "equals", True, None),
        ("{{text}}", "equals", 5, None),
        ("{{text}}", "equals", ["a"], "it is text"),
        ("{{text}}", "equals", "{{input.tags}}", "it is text, and {{input.tags}} is a list"),
        ("{{text}}", "equals", "{{input.mail}}", None),
        ("{{ticket}}", "equals", "billing", "it is an object"),
        ("{{ticket}}", "contains", "tem", "with the fields team, score, level, ok, note, pair. Did you mean 'team'?"),
        ("{{ticket}}", "contains", "team", None),
        ("{{input.tags}}", "contains", "nwe", "each item of which is one of 'new', 'old'. Did you mean 'new'?"),
        ("{{input.tags}}", "not_contains", "new", None),
        ("{{ticket.pair}}", "contains", "x", None),
        ("{{search}}", "contains", "x", None),
        ("#{{text}}", "equals", "#x", None),
        (["{{text}}"], "contains", "x", None),
    ]
    check_each(rows, check)


@each_row(
    ("operand", "reason"),
    [
        ("{{text}}", None),
        ("-{{text}}.5", None),
        ("{{text}} points", "and {{text}} points is never one"),
        ("high", "not this value. Use a number or a template"),
        (True, "not this value. Use a number or a template"),
        ("{{input.amount}}", None),
        ("{{judge.overall_score}}", None),
        ("{{ticket.level}}", None),
        ("{{ticket.note}}", None),
        ("{{search.count}}", None),
        ("{{ticket.team}}", "and {{ticket.team}} is one of 'billing', 'sales'"),
        ("{{judge.passed}}", "and {{judge.passed}} is true or false"),
        ("{{input.tags}}", "and {{input.tags}} is a list"),
        ("{{ticket}}", "and {{ticket}} is an object"),
        (["{{ticket.score}}"], 'and ["{{ticket.score}}"] is a list'),
    ],
)
def test_what_is_never_a_number(operand: Any, reason: str | None) -> None:
    for operator, left, right, key in (
        ("greater_than", operand, 5, "left_value"),
        ("less_than", "{{ticket.score}}", operand, "right_value"),
    ):
        message = f"{operator} compares numbers, {reason}"
        expected = [] if reason is None else [("not_a_number", f"nodes[9].{key}", message)]
        assert found(gate(left, operator, right)) == expected


def test_a_critic_of_what_no_prompt_improves() -> None:
    for target, kind, again in (
        ("search", "tool", "the tool is called again"),
        ("gate", "conditional", "it runs again"),
        ("plain", "critic", "it runs again"),
    ):
        critic = {"id": "x", "type": "critic", "target_node": target}
        message = f"{target!r} is a node of type {kind}, so the critic cannot improve it: {again} each time it does "
        message += "not pass. Assess an llm node"
        assert found(critic) == [("critic_of_no_answer", "nodes[10].target_node", message)]


def test_whatever_a_valid_value_holds_is_in_its_type() -> None:
    """Of no value that fits a schema is anything said that is not so: its paths are there, and its forms are known."""
    rng = random.Random(23)
    paths = 0
    for _ in range(300):
        schema = random_schema(rng, 3)
        value = random_value(rng, schema)
        if first_fault(schema, value) is not None:
            continue
        types = TemplateTypes({}, [llm("a", output_schema=schema)])
        for path in ("a", *(f"a.{path}" for path in paths_of(value))):
            reading = types.read(parse(path))
            assert reading.missing is None, (schema, value, path)
            held = follow(value, parse(path), parse(path).path)
            forms = [form for form in reading.type.forms if form.kind == kind_of(held)]
            assert forms or not reading.type.is_known, (schema, value, path)
            assert not forms or any(form.values is None or held in form.values for form in forms), (schema, value, path)
            paths += 1
    assert paths > 500


# Those of the night have their short form beside them.
@pytest.mark.parametrize("count", [6, pytest.param(80, marks=[pytest.mark.slow, pytest.mark.nightly])])
def test_no_comparison_that_may_hold_is_reported(count: int) -> None:
    """For values that fit a schema, what is said never to hold never does, and what is never a number cannot be one."""
    rng = random.Random(5)
    literals: list[Any] = ["a", "1", "c", "true", 1, 5, 1.5, True, None, [5], {"x": 5}, "x", "e"]
    pairs = [(operator, literal) for operator in OPERATORS if not operator.startswith("is_") for literal in literals]
    gates = [
        gate("{{a}}", operator) | {"id": f"g{index}", "right_value": literal}
        for index, (operator, literal) in enumerate(pairs)
    ]
    reported = 0
    for _ in range(count):
        schema = random_schema(rng, 2)
        values = [random_value(rng, schema) for _ in range(8)]
        values = [value for value in values if first_fault(schema, value) is None]
        for problem in check_definition({"nodes": [*gates, llm("a", output_schema=schema), llm("yes"), llm("no")]}):
            operator, literal = pairs[int(problem.location.removeprefix("nodes[").partition("]")[0])]
            for value in values:
                if problem.code == "not_a_number":
                    with pytest.raises(OperatorError):
                        evaluate(operator, value, literal)
                else:
                    assert problem.code == "never_matches"
                    assert evaluate(operator, value, literal) is operator.startswith("not_"), (schema, value, problem)
            reported += 1
    assert reported > 10 * count


def random_schema(rng: random.Random, depth: int) -> dict[str, Any]:
    """Return a schema of the kinds that pydantic and people write. It names all fields, or is open."""
    leaves: list[dict[str, Any]] = [
        {"type": "string"},
        {"type": "integer"},
        {"type": ["number", "null"]},
        {"type": "boolean"},
        {"enum": ["a", 1, None, True]},
        {"const": "c"},
        {},
    ]
    kind = rng.randrange(7) if depth else 0
    if kind <= 1:
        return dict(rng.choice(leaves))
    if kind == 2:
        return {"type": "array", "items": random_schema(rng, depth - 1)}
    if kind == 3:
        return {"anyOf": [random_schema(rng, depth - 1) for _ in range(rng.randint(1, 3))]}
    properties = {name: random_schema(rng, depth - 1) for name in rng.sample("xyz", rng.randint(0, 3))}
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if rng.random() < 0.3:
        schema["additionalProperties"] = rng.choice([False, True, {"type": "integer"}])
    if rng.random() < 0.5:
        schema["required"] = [name for name in properties if rng.random() < 0.5]
    if rng.random() < 0.2:
        schema = {"allOf": [schema], "description": "one of these"}
    return schema


def random_value(rng: random.Random, schema: dict[str, Any]) -> Any:
    for keyword in ("anyOf", "allOf", "enum"):
        if keyword in schema:
            chosen = rng.choice(schema[keyword])
            return chosen if keyword == "enum" else random_value(rng, chosen)
    if "const" in schema:
        return schema["const"]
    names = schema.get("type", "object")
    name = names if isinstance(names, str) else rng.choice(names)
    if name == "array":
        return [random_value(rng, schema["items"]) for _ in range(rng.randint(0, 2))]
    if name == "object":
        fields = {
            key: random_value(rng, each)
            for key, each in schema.get("properties", {}).items()
            if key in schema.get("required", ()) or rng.random() < 0.6
        }
        return fields | ({"more": 5} if schema.get("additionalProperties", not schema) is not False else {})
    return {"string": "text", "integer": 5, "number": 1.5, "null": None, "boolean": False}[name]


def paths_of(value: Any) -> Iterator[str]:
    entries = value.items() if is_object(value) else enumerate(value) if is_array(value) else ()
    for key, entry in entries:
        yield str(key)
        yield from (f"{key}.{path}" for path in paths_of(entry))
