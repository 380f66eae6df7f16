from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from fibonacci.definitions import (
    ConditionalNode,
    CriticNode,
    LLMNode,
    Node,
    ToolNode,
    WorkflowDefinition,
)
from tests.kit.assertions import each_row

NODE: TypeAdapter[Node] = TypeAdapter(Node)

EVERY_NODE = {"id": "a", "name": "A", "dependencies": ["b"], "enable_retry": True, "max_retries": 2, "retry_delay": 5}
FALLIBLE = {
    "timeout": 60,
    "condition": {"field": "{{b}}", "operator": "equals", "value": "yes"},
    "fallback": "c",
    "on_error": "d",
}
DOCUMENTED: dict[str, dict[str, Any]] = {
    "llm": {
        "instruction": "Answer {{input.text}}",
        "system_prompt": "You are kind",
        "model": "small",
        "max_tokens": 100,
        "temperature": 1.5,
        "output_format": "json",
        "output_schema": {"type": "object"},
        "memory_read": ["preferences"],
        "memory_write": {"last": "{{a}}"},
        **FALLIBLE,
    },
    "tool": {"tool": "gmail.send", "params": {"to": "{{input.to}}"}, **FALLIBLE},
    "critic": {
        "target_node": "b",
        "criteria": ["short"],
        "model": "small",
        "min_score": 8,
        "max_iterations": 2,
        "improvement_prompt": "Better, please",
        "timeout": 60,
    },
    "conditional": {
        "left_value": "{{b}}",
        "operator": "equals",
        "right_value": "yes",
        "true_branch": ["c"],
        "false_branch": ["d"],
    },
}
WORKFLOW: dict[str, Any] = {
    "name": "triage",
    "description": "Sorts mail",
    "version": "1.0",
    "timeout": 300,
    "default_retry": {"max_attempts": 3, "delay": 1.0, "backoff": "exponential"},
    "input_schema": {"type": "object"},
    "output_schema": {"type": "object"},
    "allow_partial_results": True,
    "nodes": [],
    "outputs": {"answer": "{{a}}"},
}


@each_row("node_type", DOCUMENTED)
def test_every_documented_field_of_a_node_is_read_and_written(node_type: str) -> None:
    said = {"type": node_type, **EVERY_NODE, **DOCUMENTED[node_type]}
    node = NODE.validate_python(said)
    assert node.model_extra == {}
    assert set(type(node).model_fields) - set(said) == {"retry"}
    assert node.model_dump() == node.model_dump(mode="json") == node.model_dump(exclude_unset=True) == said


def test_every_documented_field_of_a_workflow_is_read_and_written() -> None:
    definition = WorkflowDefinition.model_validate(WORKFLOW)
    assert definition.model_extra == {}
    assert set(WorkflowDefinition.model_fields) == set(WORKFLOW)
    assert definition.model_dump(mode="json") == WORKFLOW


@each_row(
    ("node", "written"),
    [
        (LLMNode(id="a", instruction="x"), {"id": "a", "type": "llm", "instruction": "x"}),
        (ToolNode(id="a", tool="wait"), {"id": "a", "type": "tool", "tool": "wait"}),
        (CriticNode(id="a", target_node="b"), {"id": "a", "type": "critic", "target_node": "b"}),
        (
            ConditionalNode(id="a", left_value=1, operator="is_empty"),
            {"id": "a", "type": "conditional", "left_value": 1, "operator": "is_empty"},
        ),
    ],
)
def test_a_node_needs_no_type_and_writes_it(node: Node, written: dict[str, Any]) -> None:
    assert node.model_dump() == node.model_dump(exclude_unset=True) == node.model_dump(mode="json") == written
    assert list(node.model_dump())[:2] == ["id", "type"]
    assert NODE.validate_json(node.model_dump_json()) == node
    assert WorkflowDefinition(nodes=[node]).model_dump() == {"nodes": [written]}


@each_row(
    ("older", "newer"),
    [
        ({"id": "a", "type": "llm", "prompt": "x", "schema": {}}, LLMNode(id="a", instruction="x", output_schema={})),
        ({"id": "a", "type": "tool", "tool": "t", "inputs": {"a": 1}}, ToolNode(id="a", tool="t", params={"a": 1})),
        ({"id": "a", "type": "tool", "tool": "t", "inputs": {}, "params": {}}, ToolNode(id="a", tool="t")),
    ],
)
def test_older_keys_are_read_as_the_newer_ones(older: dict[str, Any], newer: Node) -> None:
    node = NODE.validate_python(older)
    assert node == newer
    assert not set(older) & set(node.model_dump()) & {"prompt", "schema", "inputs"}


@each_row(
    ("said", "place"),
    [
        ({"type": "llm", "instruction": "a", "prompt": "b"}, ("prompt",)),
        ({"type": "llm", "instruction": "a", "output_schema": {}, "schema": {"type": "object"}}, ("schema",)),
        ({"type": "tool", "tool": "t", "params": {}, "inputs": {"a": 1}}, ("inputs",)),
        ({"type": "critic", "target_node": "b", "enable_retry": False, "retry": {}}, ("retry",)),
        (
            {"type": "critic", "target_node": "b", "max_retries": 3, "retry": {"max_attempts": 3}},
            ("retry", "max_attempts"),
        ),
        ({"type": "critic", "target_node": "b", "retry_delay": 1, "retry": {"delay": 2}}, ("retry", "delay")),
    ],
)
def test_two_spellings_that_differ_are_refused(said: dict[str, Any], place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        WorkflowDefinition.model_validate({"nodes": [{"id": "a", **said}]})
    faults = [(fault["type"], fault["loc"]) for fault in caught.value.errors()]
    assert faults == [("conflicting_spellings", ("nodes", 0, said["type"], *place))]


def test_the_documented_defaults() -> None:
    critic = CriticNode(id="a", target_node="b")
    assert (critic.min_score, critic.max_iterations) == (7, 3)
    assert critic.criteria == ["quality", "correctness", "completeness"]
    assert ToolNode(id="a", tool="t").timeout == 30
    assert LLMNode(id="a", instruction="x").timeout is None
    assert (critic.enable_retry, critic.max_retries, critic.retry_delay) == (False, 3, 1.0)
