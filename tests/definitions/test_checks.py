from __future__ import annotations

from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from hypothesis import example, given
from hypothesis import strategies as st

from fibonacci.definitions import (
    LLMNode,
    Problem,
    RetryPolicy,
    WorkflowDefinition,
    check_definition,
)
from fibonacci.definitions.operators import OPERATORS
from tests.kit.assertions import each_row
from tests.kit.nodes import llm


def faults(definition: object) -> list[tuple[str, str]]:
    return [(problem.location, problem.code) for problem in check_definition(definition).errors]


SOUND: dict[str, Any] = {
    "name": "triage",
    "version": "1.0",
    "nodes": [
        llm("classify", "Classify {{input.text}} with {{memory.rules}} for {{env.TEAM}}"),
        {
            "id": "urgent",
            "type": "conditional",
            "left_value": "{{classify}}",
            "operator": "contains",
            "right_value": "urgent",
            "true_branch": ["page"],
            "false_branch": ["file"],
        },
        {"id": "page", "type": "tool", "tool": "slack_send_message", "params": {"text": ["{{classify}}"]}},
        {"id": "file", "type": "tool", "tool": "file_write", "inputs": {"text": "{{secrets.TOKEN}}"}},
        {"id": "judge", "type": "critic", "target_node": "classify", "criteria": ["short"]},
    ],
    "outputs": {"class": "{{classify}}", "both": "{{page.tool}}{{file.tool}}"},
    "labels": ["kept"],
}


def test_a_valid_definition_has_no_faults_and_keeps_unknown_keys() -> None:
    assert check_definition({key: value for key, value in SOUND.items() if key != "labels"}) == []
    assert [str(problem) for problem in check_definition(SOUND)] == [
        "labels: warning: 'labels' is not a key of a definition"
    ]
    assert check_definition(MappingProxyType(SOUND)) == check_definition(SOUND)
    dumped = WorkflowDefinition.model_validate(SOUND).model_dump(exclude_unset=True)
    assert dumped["labels"] == ["kept"]
    assert dumped["nodes"][3]["params"] == {"text": "{{secrets.TOKEN}}"}


@each_row(
    ("node", "place", "code"),
    [
        (llm("b", dependencies=["a", "zz"]), "dependencies[1]", "unknown_dependency"),
        (llm("b", dependencies=[5]), "dependencies[0]", "wrong_type"),
        (llm("b\n"), "id", "bad_id"),
        (llm(""), "id", "bad_id"),
        (llm("b", "{{memory}}"), "instruction", "bad_template"),
        (llm("b", max_tokens=1.5), "max_tokens", "wrong_type"),
        (llm("b", max_tokens=0.0), "max_tokens", "invalid_value"),
        (llm("b", temperature=float("nan")), "temperature", "not_json"),
        ({"id": "b", "type": "llm", "prompt": 5}, "prompt", "wrong_type"),
        ({"id": "b", "type": ["llm"]}, "type", "wrong_type"),
        ({"id": "b", "type": None}, "type", "wrong_type"),
        ({"type": "llm", "prompt": "x"}, "id", "missing_field"),
        ({"id": 5, "type": "llm", "prompt": "x"}, "id", "wrong_type"),
        ("text", "", "wrong_type"),
        ({"id": "b", "type": "tool", "tool": ""}, "tool", "invalid_value"),
        (
            {"id": "b", "type": "tool", "tool": "x", "inputs": {"to": ["{{zz}}"]}},
            "inputs.to[0]",
            "unknown_template_source",
        ),
        ({"id": "b", "type": "critic", "target_node": "zz"}, "target_node", "unknown_critic_target"),
        (
            {"id": "b", "type": "conditional", "left_value": 1, "operator": "equals", "false_branch": ["zz"]},
            *("false_branch[0]", "unknown_branch_target"),
        ),
    ],
)
def test_one_fault_of_a_node_is_one_error(node: Any, place: str, code: str) -> None:
    assert faults({"nodes": [llm("a"), node]}) == [(f"nodes[1].{place}".rstrip("."), code)]


@each_row(
    ("definition", "expected"),
    [
        ([], [("", "wrong_type")]),
        (None, [("", "wrong_type")]),
        ({}, [("nodes", "missing_field")]),
        ({"nodes": "x"}, [("nodes", "wrong_type")]),
        ({"nodes": [llm("a")], "version": []}, [("version", "wrong_type")]),
        ({"nodes": [llm("a")], "name": 5}, [("name", "wrong_type")]),
        ({"nodes": [llm("a")], "outputs": {"a": "{{zz}}"}}, [("outputs.a", "unknown_template_source")]),
        ({"nodes": [llm("a")], "outputs": []}, [("outputs", "wrong_type")]),
        ({"nodes": []}, [("nodes", "no_nodes")]),
    ],
)
def test_faults_of_the_whole_definition(definition: object, expected: list[tuple[str, str]]) -> None:
    assert faults(definition) == expected


def test_a_cycle_through_a_branch_is_found() -> None:
    gate = {"id": "c", "type": "conditional", "left_value": "{{a}}", "operator": "is_empty", "true_branch": ["a"]}
    (problem,) = check_definition({"nodes": [llm("a"), gate]}).errors
    assert (problem.location, problem.code) == ("nodes[0]", "cycle")
    assert "a -> c -> a" in problem.message


KEYS = st.sampled_from(
    [
        *("nodes", "id", "type", "instruction", "prompt", "tool", "params", "dependencies", "target_node", "operator"),
        *("left_value", "true_branch", "outputs", "version", "name", "retry", "max_attempts", "condition", "field"),
        *(
            "temperature",
            "output_schema",
            "input_schema",
            "properties",
            "required",
            "anyOf",
            "$ref",
            "tpye",
            "on_error",
        ),
    ]
)


def is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["llm", "tool", "critic", "conditional", "a", "b", "{{a}}", "{{b.0}}", "{{", "equals", "\ud800"])
    | st.sampled_from([b"x", {1}, date(2025, 1, 1), object(), LLMNode(id="a", instruction="{{b}}"), RetryPolicy()])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=6)
        | st.dictionaries(KEYS, inner, max_size=2).map(MappingProxyType)
        | st.dictionaries(SCALARS.filter(is_hashable), inner, max_size=2)
    ),
    max_leaves=25,
)
IDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2)
NODE = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["a", "b", "c", "D"]),
        "type": st.sampled_from(["llm", "tool", "critic", "conditional", "loop"]),
    },
    optional={
        **dict.fromkeys(("left_value", "false_branch", "params", "retry", "output_schema", "memory_write"), JSON),
        **dict.fromkeys(("target_node", "fallback"), st.sampled_from(["a", "b", "z"])),
        **dict.fromkeys(("dependencies", "true_branch"), IDS),
        "instruction": SCALARS,
        "tool": st.just("t"),
        "operator": st.just("equals"),
        "condition": st.fixed_dictionaries({"field": JSON, "operator": st.sampled_from(sorted(OPERATORS))}) | JSON,
    },
)


DEFINITION = st.fixed_dictionaries(
    {"nodes": st.lists(NODE, max_size=4)},
    optional={"outputs": JSON, "input_schema": JSON, "output_schema": JSON, "default_retry": JSON},
)


class OddTool(NamedTuple):
    """A tool whose schema is anything."""

    name: str
    parameters: Any


@given(JSON | DEFINITION, JSON)
@example(
    {"nodes": [{"id": "a", "type": "llm", "instruction": "", "retry": {"x": {cast("Any", RetryPolicy()): 1}}}]}, None
)
def test_it_never_raises(definition: Any, parameters: Any) -> None:
    problems = check_definition(definition, tools=[OddTool("t", parameters)])
    assert all(isinstance(problem, Problem) for problem in problems)


@each_row(
    ("value", "words"),
    [(float("inf"), "is inf"), (b"x", "is a bytes"), (date(2025, 1, 1), "is a date"), ({1}, "is a set")],
)
def test_a_value_without_json_is_a_fault(value: Any, words: str) -> None:
    node = {"id": "a", "type": "tool", "tool": "x", "params": {"at": [value]}}
    problems = check_definition({"nodes": [node]})
    assert [(problem.location, problem.code) for problem in problems] == [("nodes[0].params.at[0]", "not_json")]
    assert problems[0].message.startswith(words)
