"""`WorkflowBuilder` writes the definition that an author would write in JSON or YAML."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel

from fibonacci import WorkflowBuilder
from fibonacci.definitions import DefinitionError, WorkflowDefinition, dumps, loads
from fibonacci.definitions.authoring.handles import json_schema
from tests.typing import triage_program

TRIAGE: dict[str, Any] = {
    "name": "triage",
    "description": "Sorts mail",
    "input_schema": json_schema(triage_program.Ticket),
    "nodes": [
        {
            "id": "classify",
            "type": "llm",
            "instruction": "Classify: {{input.mail}}",
            "output_format": "json",
            "output_schema": triage_program.Classification.model_json_schema(),
        },
        {
            "id": "urgent",
            "type": "conditional",
            "dependencies": ["classify"],
            "left_value": "{{classify.urgency}}",
            "operator": "equals",
            "right_value": "high",
            "true_branch": ["page"],
            "false_branch": ["rest", "draft"],
        },
        {
            "id": "page",
            "type": "tool",
            "dependencies": ["classify", "urgent"],
            "tool": "slack_send_message",
            "params": {"channel": "#{{input.team}}", "message": "{{classify.reason}}"},
            "timeout": 10,
        },
        {
            "id": "rest",
            "type": "tool",
            "dependencies": ["urgent"],
            "tool": "wait",
            "params": {"seconds": "{{input.pause}}"},
        },
        {
            "id": "draft",
            "type": "llm",
            "dependencies": ["classify", "urgent"],
            "enable_retry": True,
            "max_retries": 3,
            "retry_delay": 1.0,
            "retry": {"backoff": "linear"},
            "instruction": "Answer {{input.sender.name}} in the tone {{classify.tone}}",
        },
        {
            "id": "judge",
            "type": "critic",
            "dependencies": ["draft"],
            "target_node": "draft",
            "criteria": ["correctness"],
        },
        {"id": "thank", "type": "llm", "dependencies": ["good"], "instruction": "Thank them"},
        {
            "id": "good",
            "type": "conditional",
            "dependencies": ["judge"],
            "left_value": "{{judge.passed}}",
            "operator": "equals",
            "right_value": True,
            "true_branch": ["thank"],
        },
    ],
    "outputs": {"answer": "{{draft}}", "thanks": "{{thank}}", "urgent": "{{urgent.result}}"},
}


class Verdict(BaseModel):
    reason: str
    score: int = 0


class Letter(BaseModel):
    mail: str
    seconds: float


class Channel(StrEnum):
    NEWS = "#news"


@pytest.fixture
def flow() -> WorkflowBuilder:
    return WorkflowBuilder("news")


def node(flow: WorkflowBuilder, node_id: str) -> dict[str, Any]:
    """Return a node as JSON, without its id, type and instruction."""
    found = next(each for each in flow.definition.nodes if each.id == node_id).model_dump(mode="json")
    return {key: value for key, value in found.items() if key not in ("id", "type", "instruction")}


def test_builder_json_and_yaml_give_the_same_definition() -> None:
    built = triage_program.flow.definition
    assert built == WorkflowDefinition.model_validate(TRIAGE)
    assert built.model_dump(mode="json", exclude_unset=True) == TRIAGE
    assert WorkflowDefinition.model_validate_json(json.dumps(TRIAGE)) == built
    assert WorkflowDefinition.model_validate(loads(dumps(built.model_dump(mode="json")))) == built


def test_a_node_in_two_branches_waits_for_both_conditionals(flow: WorkflowBuilder) -> None:
    page = flow.tool("page", "slack_send_message")
    given = flow.inputs()
    flow.when("one", given.x, "is_empty", then=[page])
    flow.when("two", given.y, "is_not_empty", otherwise=(page, page))
    assert node(flow, "page")["dependencies"] == ["one", "two"]
    assert node(flow, "two") == {"left_value": "{{input.y}}", "operator": "is_not_empty", "false_branch": ["page"]}


def test_every_argument_is_written_as_the_field_of_its_name(flow: WorkflowBuilder) -> None:
    a, b, c, d = (flow.llm(each, "x", output_format="json") for each in "abcd")
    fails: Any = {"timeout": 30, "name": "Drafting", "output_format": "json", "output_schema": {"type": "object"}}
    model: Any = {"model": "gpt-4o", "system_prompt": "Be short", "max_tokens": 100, "temperature": 0.5, **fails}
    memory: Any = {"memory_read": ["rules"], "memory_write": {"last": "{{draft}}"}}
    again: Any = {"retries": 2, "retry_delay": 0.5, "retry_backoff": "exponential"}
    compares: Any = (a["score"], "greater_than", 7)
    flow.llm("draft", "Write", **model, **memory, **again, condition=compares, fallback=c, on_error=d, after=[b])
    assert node(flow, "draft") == {
        **model,
        **memory,
        "condition": {"field": "{{a.score}}", "operator": "greater_than", "value": 7},
        "fallback": "c",
        "on_error": "d",
        "dependencies": ["b", "a"],
        "enable_retry": True,
        "max_retries": 2,
        "retry_delay": 0.5,
        "retry": {"backoff": "exponential"},
    }
    params = {"list": (1, a), "channel": Channel.NEWS, "nothing": None, "deep": [{"yes": True}]}
    own: Any = {"timeout": 1.5, "name": "Calculating"}
    flow.tool("call", "calculator", params, **own, condition=(a, "is_not_empty"), fallback=b, on_error=b, retries=0)
    assert node(flow, "call") == {
        **own,
        "tool": "calculator",
        "params": {"list": [1, "{{a}}"], "channel": "#news", "nothing": None, "deep": [{"yes": True}]},
        "condition": {"field": "{{a}}", "operator": "is_not_empty"},
        "fallback": "b",
        "on_error": "b",
        "enable_retry": False,
        "dependencies": ["a"],
    }
    critic: Any = {"criteria": [], "model": "m", "min_score": 8, "max_iterations": 2, "timeout": 5}
    flow.critic("judge", a, **critic, improvement_prompt=f"Do better than {a}", retries=1)
    assert node(flow, "judge") == {
        **critic,
        "target_node": "a",
        "improvement_prompt": "Do better than {{a}}",
        "enable_retry": True,
        "max_retries": 1,
        "dependencies": ["a"],
    }
    assert "unknown_key" not in [problem.code for problem in flow.check()]


def test_every_argument_of_the_workflow_is_written() -> None:
    plain: Any = {"description": "Reads", "version": "1.2", "timeout": 60, "allow_partial_results": True}
    again: Any = {"retries": 2, "retry_delay": 1, "retry_backoff": "linear"}
    flow = WorkflowBuilder("news", **plain, **again, output_schema=Verdict)
    flow.llm("a", "x")
    assert flow.definition.model_dump(mode="json", exclude={"nodes"}) == {
        "name": "news",
        **plain,
        "default_retry": {"max_attempts": 3, "delay": 1, "backoff": "linear"},
        "output_schema": Verdict.model_json_schema(),
    }


def test_the_output_of_a_model_call_has_the_fields_of_its_output_schema(flow: WorkflowBuilder) -> None:
    draft = flow.llm("draft", "x", output_schema=Verdict)
    assert f"{draft.output.reason} {draft['reason']} {draft.output}" == "{{draft.reason}} {{draft.reason}} {{draft}}"
    untyped: Any = draft
    with pytest.raises(AttributeError, match=r"\{\{draft\}\} has no field 'resaon'. Did you mean 'reason'\?"):
        _ = untyped.output.resaon
    with pytest.raises(AttributeError, match=r"\{\{draft\}\} has no field 'x'. Verdict has reason, score"):
        _ = untyped.output.x
    with pytest.raises(ValueError, match=r"\{\{draft\}\} has no 'resaon'. Did you mean 'reason'\?"):
        draft["resaon"]
    with pytest.raises(TypeError, match=r"\{\{draft.score\}\} is of type int, which has no fields"):
        draft["score"]["x"]
    assert node(flow, "draft")["output_schema"] == Verdict.model_json_schema()


def test_a_template_stands_wherever_a_text_or_a_number_does(flow: WorkflowBuilder) -> None:
    given = flow.inputs(Letter)
    a = flow.llm("a", given.mail, system_prompt=given.mail, memory_write={"last": given.mail, "all": [given]})
    part = flow.tool("part", "t")
    flow.tool("rest", "wait", {"seconds": given.seconds, "each": (given.seconds, {"x": part["y"]})})
    flow.critic("judge", a, criteria=[given.mail, part["criterion"]], improvement_prompt=a)
    flow.when("late", given.seconds, "greater_than", part["limit"], then=[flow.llm("b", a)])
    flow.output(seconds=given.seconds)
    assert node(flow, "a") == {
        "system_prompt": "{{input.mail}}",
        "memory_write": {"last": "{{input.mail}}", "all": ["{{input}}"]},
    }
    assert node(flow, "rest")["params"] == {
        "seconds": "{{input.seconds}}",
        "each": ["{{input.seconds}}", {"x": "{{part.y}}"}],
    }
    assert node(flow, "judge")["criteria"] == ["{{input.mail}}", "{{part.criterion}}"]
    assert (node(flow, "late")["left_value"], node(flow, "late")["right_value"]) == (
        "{{input.seconds}}",
        "{{part.limit}}",
    )
    assert flow.definition.outputs == {"seconds": "{{input.seconds}}"}


def test_outputs_are_handles_texts_and_structures(flow: WorkflowBuilder) -> None:
    a = flow.tool("a", "t")
    flow.output(whole=a, part=a["x"], text=f"It is {a}")
    flow.output(self=a, structure={"list": [a, 1, None]}, given=flow.inputs().name)
    assert flow.definition.outputs == {
        "whole": "{{a}}",
        "part": "{{a.x}}",
        "text": "It is {{a}}",
        "self": "{{a}}",
        "structure": {"list": ["{{a}}", 1, None]},
        "given": "{{input.name}}",
    }


def test_sources_of_the_platform_are_written_as_templates(flow: WorkflowBuilder) -> None:
    flow.tool("a", "http_request", {"auth": "{{secrets.TOKEN}}", "team": "{{env.TEAM}}", "rules": "{{memory.rules}}"})
    assert "dependencies" not in node(flow, "a")


def test_a_definition_with_errors_is_not_given_out(flow: WorkflowBuilder) -> None:
    a = flow.llm("a", "x")
    flow.when("gate", a, "is_empty", then=[a])
    with pytest.raises(DefinitionError, match=r"test_builder.py:\d+: nodes\[0\]: error: nodes depend on each other"):
        _ = flow.definition


def test_a_node_of_a_type_that_came_later_is_checked_like_any_other(flow: WorkflowBuilder) -> None:
    a = flow.llm("a", "x")
    rows: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        ("conditional", {}, ValueError, r"type 'conditional' has its own method: use flow\.when\(\.\.\.\)"),
        ("lllm", {}, ValueError, r"type 'lllm' is not a type of node: use flow\.llm\(\.\.\.\)"),
        ("", {}, ValueError, "type=''"),
        (5, {}, TypeError, "type must be a str"),
        ("loop", {"over": {1, 2}}, TypeError, "over is of type set, which has no JSON form: use sorted"),
        ("loop", {"after": a}, TypeError, r"after must be a list of nodes, not the node 'a'"),
        ("loop", {"dependencies": [a]}, ValueError, r"dependencies: pass the nodes as after=\[node\]"),
    ]
    for node_type, fields, kind, message in rows:
        with pytest.raises(kind, match=message):
            flow.node("b", node_type, **fields)
    with pytest.raises(ValueError, match="is already taken"):
        flow.node("a", "loop")
    assert [each.id for each in flow.definition.nodes] == ["a"]
