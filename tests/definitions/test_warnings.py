"""What the checks find beyond faults: typos, and what runs otherwise than it looks."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci.definitions import (
    Condition,
    ConditionalNode,
    CriticNode,
    LLMNode,
    Problem,
    ToolNode,
    WorkflowDefinition,
    check_definition,
)
from tests.kit.assertions import check_each


def found(*nodes: dict[str, Any], **more: Any) -> list[str]:
    return [str(problem) for problem in check_definition({"nodes": list(nodes), **more})]


def llm(node_id: str, instruction: str = "do", **more: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "llm", "instruction": instruction, **more}


def gate(node_id: str, left: Any, operator: str = "is_empty", **more: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "conditional", "left_value": left, "operator": operator, **more}


def codes(*nodes: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    return [(problem.location, problem.code) for problem in check_definition({"nodes": list(nodes), **more})]


def test_a_message_says_what_is_wrong_and_what_to_do() -> None:
    def check(row: tuple[list[str], str]) -> None:
        problems, expected = row
        assert problems == [expected]

    rows: list[tuple[list[str], str]] = [
        (
            found(llm("a", temprature=0.1)),
            "nodes[0].temprature: warning: 'temprature' is not a key of a node of type llm; "
            "did you mean 'temperature'?",
        ),
        (found(llm("a"), output={}), "output: warning: 'output' is not a key of a definition; did you mean 'outputs'?"),
        (
            found(llm("a", retry={"max_atempts": 3})),
            "nodes[0].retry.max_atempts: warning: 'max_atempts' is not a key of a retry; did you mean 'max_attempts'?",
        ),
        (
            found(llm("a"), default_retry={"zeal": 1}),
            "default_retry.zeal: warning: 'zeal' is not a key of a retry",
        ),
        (
            found(llm("a", params={})),
            "nodes[0].params: warning: 'params' is not a key of a node of type llm, but of a node of type tool",
        ),
        (
            found(llm("a", dependencies=["serch"]), llm("search")),
            "nodes[0].dependencies[0]: error: depends on 'serch', which is not a node; did you mean 'search'?",
        ),
        (
            found(llm("a", "{{inputs.name}}")),
            "nodes[0].instruction: error: the template names 'inputs', which is neither a node nor a known source; "
            "did you mean 'input'?",
        ),
        (
            found(gate("a", "{{input.x}}", "equal", true_branch=["b"]), llm("b")),
            "nodes[0].operator: error: 'equal' is not an operator; use equals, not_equals, contains, not_contains, "
            "greater_than, less_than, starts_with, ends_with, is_empty, is_not_empty; did you mean 'equals'?",
        ),
        (
            found({"id": "a", "type": "lm"}),
            "nodes[0]: error: 'lm' is not a type of node; use llm, tool, critic, conditional; did you mean 'llm'?",
        ),
        (found(llm("a", max_tokens="5")), "nodes[0].max_tokens: error: should be a whole number, not a text"),
        (found(llm("a", max_tokens=1.5)), "nodes[0].max_tokens: error: should be a whole number, not the number 1.5"),
        (found(llm("a", temperature=9)), "nodes[0].temperature: error: should be less than or equal to 2"),
        (
            found(llm("a", "{{a}}")),
            "nodes[0]: error: the node depends on itself: a -> a; remove its id from instruction",
        ),
        (
            found(llm("a", on_error="a")),
            "nodes[0]: error: the node depends on itself: a -> a; remove its id from on_error",
        ),
        (
            found(llm("a", "Hi {input.name}")),
            "nodes[0].instruction: warning: '{input.name}' is plain text; write '{{input.name}}', "
            "in a Python f-string with four braces",
        ),
        (
            found(llm("a", retry={"delay": 2}, retry_delay=3)),
            "nodes[0].retry.delay: error: 'retry.delay' and 'retry_delay' are the same field and differ; "
            "remove one of them",
        ),
    ]
    check_each(rows, check)


def test_a_definition_in_any_form_has_the_same_problems() -> None:
    model = WorkflowDefinition(
        nodes=[
            LLMNode(id="a", instruction="{{b}}", temperature=1.5, condition=Condition(field=1, operator="is_empty")),
            ToolNode(id="b", tool="calculator", params={"x": "{{zz}}"}),
        ],
        outputs={"x": "{{c}}"},
    )
    problems = check_definition(model)
    assert [(problem.location, problem.code) for problem in problems] == [
        ("nodes[0]", "unreachable_node"),
        ("nodes[0]", "unused_node"),
        ("nodes[0].temperature", "high_temperature"),
        ("nodes[0].condition.field", "constant_condition"),
        ("nodes[1].params.x", "unknown_template_source"),
        ("outputs.x", "unknown_template_source"),
    ]
    assert check_definition({"nodes": tuple(model.nodes), "outputs": model.outputs}) == problems
    assert check_definition(model.model_dump()) == problems


def test_problems_are_in_the_order_of_the_definition() -> None:
    definition = {
        "outputs": {"x": "{{zz}}"},
        "nodes": [{"labels": 1, "type": "llm", "dependencies": ["zz"], "id": "A"}, llm("b", " "), {"type": "llm"}],
        "name": 5,
    }
    assert [problem.location for problem in check_definition(definition)] == [
        "outputs.x",
        "nodes[0].instruction",
        "nodes[0]",
        "nodes[0].labels",
        "nodes[0].dependencies[0]",
        "nodes[0].id",
        "nodes[1]",
        "nodes[1].instruction",
        "nodes[2].id",
        "nodes[2].instruction",
        "name",
    ]


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mail": {"type": "string"},
        "sender": {"$ref": "#/$defs/Person"},
        "tags": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "open": {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
        "any": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "free": {},
    },
    "$defs": {"Person": {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False}},
}


@pytest.mark.parametrize(
    "path",
    ["mail", "sender", "sender.name", "tags.0.name", "tags.0", "tags", "open.b", "any.x", "free.x.y"],
)
@pytest.mark.parametrize("key", ["output_schema", "schema"])
def test_a_field_that_a_schema_has_or_leaves_open(path: str, key: str) -> None:
    assert codes(llm("a", f"{{{{input.{path}}}}}"), input_schema=SCHEMA) == []
    assert codes(llm("a") | {key: SCHEMA}, llm("b", f"{{{{a.{path}}}}}")) == []


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("mial", "has no 'mial'; did you mean 'mail'?"),
        ("sender.nam", "has no 'nam'; did you mean 'name'?"),
        ("tags.0.nam", "has no 'nam'; did you mean 'name'?"),
        ("mail.subject", "has no 'subject'"),
    ],
)
def test_a_field_that_a_schema_does_not_have(path: str, end: str) -> None:
    assert found(llm("a", f"{{{{input.{path}}}}}"), input_schema=SCHEMA) == [
        f"nodes[0].instruction: warning: {{{{input.{path}}}}}: input_schema {end}"
    ]
    named = {"id": "b", "type": "tool", "tool": "t", "params": {"x": [f"{{{{a.{path}}}}}"]}}
    assert found(llm("a", output_schema=SCHEMA), named) == [
        f"nodes[1].params.x[0]: warning: {{{{a.{path}}}}}: the output_schema of 'a' {end}"
    ]


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
        {
            "id": "inner",
            "type": "conditional",
            "left_value": "{{after}}",
            "operator": "is_empty",
            "true_branch": ["leaf"],
        },
        {"id": "leaf", **tool},
        {"id": "lives", **tool},
        {"id": "joins", **tool, "dependencies": ["dead", "lives"]},
        {"id": "off", **tool, "condition": {"field": 1, "operator": "greater_than", "value": 2}, "on_error": "rescue"},
        {"id": "rescue", **tool},
    ]
    problems = check_definition({"nodes": nodes, "outputs": {"x": "{{leaf}}", "y": "{{joins}}"}})
    assert {p.location: p.message for p in problems if p.code == "unreachable_node"} == {
        "nodes[1]": "'dead' never runs: the true_branch of 'never' is never taken",
        "nodes[2]": "'after' never runs: it depends on 'dead' only",
        "nodes[3]": "'inner' never runs: it depends on 'after' only",
        "nodes[4]": "'leaf' never runs: the true_branch of 'inner' is never taken",
        "nodes[7]": "'off' never runs: its condition never holds",
        "nodes[8]": "'rescue' never runs: it depends on 'off' only",
    }
    assert [problem.location for problem in problems if problem.code == "output_without_value"] == ["outputs.x"]
    assert {problem.severity for problem in problems} == {"warning"}


def test_comparisons_that_depend_on_the_run_are_no_problem() -> None:
    after = {"true_branch": ["b"]}
    for left, operator, right in (
        ("{{input.a}}", "equals", "b"),
        ("b", "equals", "{{input.a}}"),
        (["{{input.a}}"], "contains", 1),
        ("{{input.a}}", "less_than", "7"),
    ):
        assert codes(gate("a", left, operator, right_value=right, **after), llm("b")) == []
    assert codes(gate("a", "{{input.a}}", "less_than", right_value="high", **after), llm("b")) == [
        ("nodes[0].right_value", "not_a_number")
    ]


def test_a_conditional_whose_result_is_named_needs_no_branches() -> None:
    assert codes(gate("a", "{{input.x}}"), outputs={"empty": "{{a.result}}"}) == []
    assert codes(gate("a", "{{input.x}}"), llm("b")) == [("nodes[0]", "no_branches")]


def test_a_node_may_name_itself_where_it_has_run() -> None:
    critic = {"id": "c", "type": "critic", "target_node": "a", "improvement_prompt": "Heed {{c.criteria_scores}}"}
    assert codes(llm("a", memory_write={"last": "{{a}}"}), critic) == []


def test_nothing_is_found_in_a_whole_workflow() -> None:
    definition = WorkflowDefinition(
        name="triage",
        description="Sorts mail",
        timeout=600,
        input_schema={"type": "object", "properties": {"mail": {"type": "string"}, "team": {"type": "string"}}},
        nodes=[
            LLMNode(
                id="classify",
                instruction="Classify: {{input.mail}}",
                output_format="json",
                output_schema={"type": "object", "properties": {"urgency": {}, "reason": {}, "tone": {}}},
                memory_read=["rules"],
            ),
            ConditionalNode(
                id="gate",
                left_value="{{classify.urgency}}",
                operator="equals",
                right_value="high",
                true_branch=["page"],
                false_branch=["draft"],
            ),
            ToolNode(
                id="page",
                tool="slack_send_message",
                params={"channel": "#{{input.team}}", "message": "{{classify.reason}}"},
                fallback="mail",
            ),
            ToolNode(id="mail", tool="gmail.send", params={"body": '{"reason": {"text": "{{classify.reason}}"}}'}),
            LLMNode(id="draft", instruction="Answer {{input.mail}} in the tone {{classify.tone}}", temperature=1),
            CriticNode(id="judge", target_node="draft", criteria=["correctness"]),
        ],
        outputs={"answer": "{{draft}}"},
    )
    assert check_definition(definition, tools=["slack.send.message", "gmail_send"]) == []


def test_many_unknown_names_are_found_quickly() -> None:
    nodes = [llm(f"n{index}", dependencies=[f"m{index}"]) for index in range(1500)]
    problems = check_definition({"nodes": nodes})
    assert problems[0] == Problem(
        "nodes[0].dependencies[0]", "unknown_dependency", "depends on 'm0', which is not a node"
    )
    assert len(problems) == 1500


@pytest.mark.parametrize(
    "text", ["Fill in {input} and {memory}", "{env}", '{"secrets": {input} }', "${HOME} {{input.x}}"]
)
def test_a_source_in_single_braces_is_a_mistake_only_with_a_path(text: str) -> None:
    assert codes(llm("a", text)) == []
    assert codes(llm("a", text.replace("{input}", "{input.x}"))) == [("nodes[0].instruction", "single_braces")] * (
        "{input}" in text
    )
