"""What the checks find beyond faults: typos, and what runs otherwise than it looks."""

from __future__ import annotations

from typing import Any

from fibonacci.definitions import (
    check_definition,
)
from fibonacci.definitions.node_kinds import NODE_KINDS
from tests.kit.assertions import each_row
from tests.kit.nodes import llm


def found(*nodes: dict[str, Any], **more: Any) -> list[str]:
    return [str(problem) for problem in check_definition({"nodes": list(nodes), **more})]


def gate(node_id: str, left: Any, operator: str = "is_empty", **more: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "conditional", "left_value": left, "operator": operator, **more}


def codes(*nodes: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    return [(problem.location, problem.code) for problem in check_definition({"nodes": list(nodes), **more})]


@each_row(
    ("problems", "place", "words"),
    [
        (found(llm("a", temprature=0.1)), "nodes[0].temprature: warning", "of a node of type llm. Did you mean 'temp"),
        (found(llm("a"), output={}), "output: warning", "is not a key of a definition. Did you mean 'outputs'?"),
        (found(llm("a", retry={"max_atempts": 3})), "nodes[0].retry.max_atempts: warning", "mean 'max_attempts'?"),
        (found(llm("a", retry={"tool": 1})), "nodes[0].retry.tool: warning", "'tool' is not a key of a retry"),
        (found(llm("a"), default_retry={"zeal": 1}), "default_retry.zeal: warning", "'zeal' is not a key of a retry"),
        (found(llm("a", params={})), "nodes[0].params: warning", "of type llm, but of a node of type tool"),
        (found(llm("a"), tool="t"), "tool: warning", "is not a key of a definition, but of a node of type tool"),
        (
            found(llm("a", condition={"field": "{{input.x}}", "operator": "is_empty", "feld": 1})),
            *("nodes[0].condition.feld: warning", "'feld' is not a key of a condition. Did you mean 'field'?"),
        ),
        (
            found(llm("a", dependencies=["serch"]), llm("search")),
            *("nodes[0].dependencies[0]: error", "on 'serch', which is not a node. Did you mean 'search'?"),
        ),
        (found(llm("a", "{{inputs.name}}")), "nodes[0].instruction: error", "the template names 'inputs', which is"),
        (
            found(gate("a", "{{input.x}}", "equal", true_branch=["b"]), llm("b")),
            *("nodes[0].operator: error", "Use equals, not_equals, contains, not_contains, greater_than, less_than"),
        ),
        (found({"id": "a", "type": "lm"}), "nodes[0].type: error", "'lm' is not a type of node. Did you mean 'llm'?"),
        (found(llm("a", temperature=9)), "nodes[0].temperature: error", "should be less than or equal to 2"),
        (found(llm("a", "{{a}}")), "nodes[0]: error", "on itself: a -> a. Remove its id from instruction"),
        (found(llm("a", on_error="a")), "nodes[0]: error", "on itself: a -> a. Remove its id from on_error"),
        (
            found(llm("a", retry={"delay": 2}, retry_delay=3)),
            *("nodes[0].retry.delay: error", "are the same field with different values. Remove one of them"),
        ),
    ],
)
def test_a_message_says_what_is_wrong_and_what_to_do(problems: list[str], place: str, words: str) -> None:
    (problem,) = problems
    assert problem.startswith(f"{place}: ")
    assert words in problem


def test_outputs_that_a_schema_requires() -> None:
    schema = {"required": ["answer", "a"]}
    assert codes(llm("a"), outputs={"anser": "{{a}}", "a": 1}, output_schema=schema) == [
        ("output_schema.required[0]", "missing_output")
    ]
    assert codes(llm("a"), output_schema=schema) == [("output_schema.required[0]", "missing_output")]


def test_nodes_that_never_run() -> None:
    tool = {"type": "tool", "tool": "t"}
    nodes = [
        gate("never", "text", true_branch=["dead"], false_branch=["lives"]),
        {"id": "dead", **tool},
        {"id": "after", **tool, "dependencies": ["dead"]},
        gate("inner", "{{after}}", true_branch=["leaf"]),
        {"id": "leaf", **tool},
        {"id": "lives", **tool},
        {"id": "joins", **tool, "dependencies": ["dead", "lives"]},
        {"id": "off", **tool, "condition": {"field": 1, "operator": "greater_than", "value": 2}, "on_error": "rescue"},
        {"id": "rescue", **tool},
    ]
    problems = check_definition({"nodes": nodes, "outputs": {"x": "{{leaf}}", "y": "{{joins}}"}})
    assert {p.location: p.message for p in problems if p.code == "unreachable_node"} == {
        "nodes[1]": "'dead' never runs: it is not in the branch taken by 'never'",
        "nodes[2]": "'after' never runs: all nodes that it depends on were skipped: dead",
        "nodes[3]": "'inner' never runs: all nodes that it depends on were skipped: after",
        "nodes[4]": "'leaf' never runs: it is in a branch of 'inner', which was skipped",
        "nodes[7]": "'off' never runs: its condition is false",
        "nodes[8]": "'rescue' never runs: it runs only if 'off' fails",
    }
    assert [problem.location for problem in problems if problem.code == "output_without_value"] == ["outputs.x"]
    assert {problem.severity for problem in problems} == {"warning"}


def test_a_value_of_the_wrong_type_is_named() -> None:
    values: tuple[tuple[str, Any, str], ...] = (
        ("max_tokens", True, "a whole number, not true"),
        ("max_tokens", [1], "a whole number, not a list"),
        ("max_tokens", {}, "a whole number, not an object"),
        ("max_tokens", 1.5, "a whole number, not the number 1.5"),
        ("dependencies", False, "a list, not false"),
        ("dependencies", 5, "a list, not a number"),
        ("retry", "x", "an object, not a string"),
        ("temperature", "hot", "a number, not a string"),
        ("instruction", 5.0, "a string, not a number"),
        ("instruction", None, "a string, not null"),
    )
    for key, value, words in values:
        assert found(llm("a") | {key: value})[-1:] == [f"nodes[0].{key}: error: should be {words}"]
    assert found(llm("a"), version=[]) == ["version: error: should be a string or a number, not a list"]
    assert found({"id": "a"}) == [f"nodes[0].type: error: 'type' is missing. Use {', '.join(NODE_KINDS)}"]
    assert found({"id": "a", "type": 5}) == ["nodes[0].type: error: should be a string, not a number"]


def test_comparisons_with_one_result() -> None:
    """A template on the right does not matter to an operator with one operand, and what can't be compared is open."""
    unary = gate("a", "x", right_value="{{input.x}}", true_branch=["b"])
    assert found(unary, llm("b")) == [
        "nodes[0].left_value: warning: the comparison is always false, because it uses no value of the run. Use a"
        " template",
        "nodes[1]: warning: 'b' never runs: it is not in the branch taken by 'a'",
    ]
    assert codes(unary | {"operator": "equals"}, llm("b")) == []
    without_json = gate("a", "{1}", "contains", right_value={1}, true_branch=["b"])
    assert ("nodes[0].right_value", "not_json") in codes(without_json, llm("b"))
    assert found(gate("a", "m", "greater_than", right_value="n", true_branch=["b"]), llm("b")) == [
        f"nodes[0].{side}_value: error: greater_than compares numbers, not this value. Use a number or a template"
        for side in ("left", "right")
    ]


def test_ids_that_are_taken() -> None:
    assert found(llm("a"), llm("b"), llm("a"), llm("a")) == [
        f"nodes[{index}].id: error: 'a' is already the id of nodes[0]" for index in (2, 3)
    ]
    assert found(*map(llm, ("input", "memory", "env", "secrets"))) == [
        f"nodes[{index}].id: warning: {{{{{name}...}}}} never refers to this node, because {name!r} is a built-in"
        " source. Rename the node"
        for index, name in enumerate(("input", "memory", "env", "secrets"))
    ]


def test_values_that_are_probably_not_meant() -> None:
    above = "is above 1, the maximum in the newer documentation. Use 1 or less"
    for value, message in ((1.0, None), (1.01, f"1.01 {above}"), (2, f"2 {above}")):
        expected = [f"nodes[0].temperature: warning: {message}"] * (message is not None)
        assert found(llm("a", temperature=value)) == expected
    assert codes(llm("a", temperature=2.01)) == [("nodes[0].temperature", "invalid_value")]
    for name, near in (("text", None), ("json", None), ("JSON", ". Did you mean 'json'?"), ("xml", "")):
        message = f"nodes[0].output_format: warning: {name!r} is not a documented format. Use text or json{near}"
        assert found(llm("a", output_format=name)) == [message] * (near is not None)
    for key in ("instruction", "prompt"):
        assert found({"id": "a", "type": "llm", key: " \n"}) == [
            f"nodes[0].{key}: warning: the instruction is empty. Write what the model should do"
        ]


def test_an_answer_that_nothing_uses() -> None:
    outputs = {"x": "{{b}}"}
    unused = "nodes[0]: warning: nothing uses the answer of 'a'. Name it in outputs or in another node"
    assert found(llm("a"), llm("b"), outputs=outputs) == [unused]
    assert found(llm("a", "Heed {{a}}"), llm("b"), outputs=outputs)[-1:] == [unused]
    assert found(llm("a", memory_write={"last": "{{a}}"}), llm("b"), outputs=outputs) == []
    assert found({"id": "a", "type": "tool", "tool": "t"}, llm("b"), outputs=outputs) == []
    assert found(llm("a"), llm("b", dependencies=["a"]), outputs=outputs) == []
    assert found(llm("a"), llm("b")) == []


def test_what_leaves_a_schema_open() -> None:
    def is_missing(schema: dict[str, Any], path: str) -> bool:
        schema = {"properties": {"x": schema}, "$defs": {"P": {"properties": {"a": {}}}}, "other": {"P": False}}
        found_codes = codes(llm("a", output_schema=schema), llm("b", f"{{{{a.x.{path}}}}}"))
        found_codes = [each for each in found_codes if not each[0].startswith("nodes[0].output_schema")]
        assert found_codes in ([], [("nodes[1].instruction", "unknown_field")])
        return found_codes != []

    closed: dict[str, Any] = {"properties": {"a": {}}}
    assert is_missing(closed, "b")
    assert not is_missing(closed | {"additionalProperties": {}}, "b")
    for keyword in ("allOf", "anyOf", "dependentSchemas", "if", "oneOf", "patternProperties"):
        assert not is_missing(closed | {keyword: []}, "b")
    assert is_missing({"items": {"items": closed}}, "0.12.b")
    assert is_missing({"items": closed}, "length.b")
    assert not is_missing({"items": True}, "0.b")
    reference = {"$ref": "#/$defs/P"}
    assert is_missing(reference | {"description": "", "title": "", "default": {}, "x-order": 1}, "b")
    assert not is_missing(reference, "a")
    for other in ({"$ref": "#/$defs/P", "type": "object"}, {"$ref": "#/$defs/Q"}, {"$ref": "#/other/P"}, {"$ref": 5}):
        assert not is_missing(other, "b")
