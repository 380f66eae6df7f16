from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given

from fibonacci import WorkflowBuilder
from fibonacci.definitions import (
    DefinitionError,
    Document,
    LLMNode,
    RetryPolicy,
    WorkflowDefinition,
    check_definition,
    check_inputs,
    diff,
    dumps,
    loads,
    mermaid,
    svg,
    to_plain,
)
from fibonacci.definitions.diagrams.png import png
from fibonacci.testing import make_workflow
from tests.definitions.documents import DEFINITIONS
from tests.kit.assertions import each_row


@given(DEFINITIONS)
def test_the_older_spelling_and_back_is_the_same_definition(definition: WorkflowDefinition) -> None:
    older = to_plain(definition, generation="older")
    assert to_plain(older) == to_plain(definition)
    assert to_plain(to_plain(definition), generation="older") == older
    assert WorkflowDefinition.model_validate(older) == definition
    for each in older["nodes"]:
        assert each["type"] == "loop" or not {"instruction", "params"} & set(each)
        assert each["type"] != "llm" or "output_schema" not in each


@each_row(
    ("newer", "older"),
    [
        ({"enable_retry": True}, {"retry": {}}),
        ({"enable_retry": True, "max_retries": 2}, {"retry": {"max_attempts": 3}}),
        (
            {"enable_retry": True, "max_retries": 0, "retry_delay": 2, "retry": {"backoff": "linear"}},
            {"retry": {"max_attempts": 1, "delay": 2, "backoff": "linear"}},
        ),
        ({"enable_retry": False, "max_retries": 2}, {"enable_retry": False, "max_retries": 2}),
        ({"max_retries": 2}, {"max_retries": 2}),
    ],
)
def test_retries_in_both_spellings(newer: dict[str, Any], older: dict[str, Any]) -> None:
    rest = {"id": "a", "type": "critic", "target_node": "b"}
    assert to_plain({"nodes": [rest | newer]}, generation="older") == {"nodes": [rest | older]}
    assert to_plain({"nodes": [rest | older]}) == {"nodes": [rest | newer]}


def test_models_and_mappings_at_any_place_become_plain() -> None:
    said = LLMNode(id="a", instruction="x", retry=RetryPolicy(max_attempts=2))
    definition = MappingProxyType({"nodes": (said, MappingProxyType({"id": "b", "params": (1, (2,))}))})
    assert to_plain(definition) == {
        "nodes": [
            {"id": "a", "type": "llm", "instruction": "x", "enable_retry": True, "max_retries": 1},
            {"id": "b", "params": [1, [2]]},
        ],
    }
    assert to_plain({"nodes": [said]}) == to_plain(WorkflowDefinition(nodes=[said]))


def test_keys_keep_their_order_and_nothing_is_shared() -> None:
    definition: dict[str, Any] = {"outputs": {}, "nodes": [{"prompt": "x", "type": "llm", "id": "a"}], "name": "n"}
    plain = to_plain(definition)
    assert list(plain) == ["outputs", "nodes", "name"]
    assert list(plain["nodes"][0]) == ["instruction", "type", "id"]
    plain["outputs"]["a"] = 1
    assert definition["outputs"] == {}
    shared = [1]
    assert to_plain({"a": shared, "b": [shared, shared]}) == {"a": [1], "b": [[1], [1]]}


def test_a_faulty_definition_is_kept_as_it_is() -> None:
    faulty = {
        "nodes": ["x", {"type": ["llm"]}, {"type": "loop", "prompt": 5}, {"retry": 3}, {"retry": {"max_attempts": "x"}}]
    }
    assert to_plain(faulty) == faulty | {
        "nodes": [*faulty["nodes"][:4], {"enable_retry": True, "retry": {"max_attempts": "x"}}]
    }
    assert to_plain({"nodes": 5}) == {"nodes": 5}


def test_what_is_no_definition_is_refused() -> None:
    with pytest.raises(DefinitionError) as caught:
        to_plain({"nodes": [{"id": "a", "type": "llm", "prompt": "x", "instruction": "y"}]})
    assert [(each.location, each.code) for each in caught.value.problems] == [
        ("nodes[0].prompt", "conflicting_spellings")
    ]


def flow() -> WorkflowBuilder:
    builder = WorkflowBuilder("greeter")
    builder.llm("greet", "Hi")
    return builder


USES: list[Callable[[Any], object]] = [to_plain, dumps, svg, mermaid, lambda value: diff(value, {})]


def checked(definition: Any) -> object:
    return check_inputs(definition, {})


@each_row("use", [*USES, png, checked])
def test_a_builder_its_definition_and_json_are_the_same(use: Callable[[Any], object]) -> None:
    builder = flow()
    assert use(builder) == use(builder.definition) == use(to_plain(builder))


def deep(levels: int) -> dict[str, Any]:
    value: Any = "x"
    for _ in range(levels - 5):
        value = [value]
    return {"nodes": [{"id": "a", "type": "tool", "tool": "x", "params": {"x": [value]}}]}


def loaded(definition: dict[str, Any]) -> object:
    return loads(json.dumps(definition))


@each_row("use", [*USES, Document.of, checked, loaded])
def test_every_door_takes_64_levels_and_refuses_more_with_the_same_error(use: Callable[[Any], object]) -> None:
    use(deep(64))
    with pytest.raises(DefinitionError) as caught:
        use(deep(65))
    [problem] = caught.value.problems
    assert (problem.code, problem.message) == ("too_deep", "more than 64 levels of objects and arrays")


def test_a_check_says_how_deep_a_definition_may_be() -> None:
    circular = deep(10)
    circular["nodes"].append(circular)
    assert check_definition(deep(64)) == []
    for refused in (deep(65), deep(5_000), circular):
        assert [problem.code for problem in check_definition(refused)] == ["too_deep"]


def test_a_builder_with_errors_is_drawn_compared_and_checked_with_its_lines() -> None:
    builder = flow()
    builder.llm("again", "Hi", output_format="json", output_schema={"type": "strng"})
    assert all(use(builder) for use in USES)
    [problem] = check_definition(builder)
    assert [problem] == builder.check()
    assert str(problem.source).startswith("test_plain.py:")


@each_row(
    ("value", "remedy"),
    [
        (make_workflow(), "not Workflow. Use its .definition"),
        (LLMNode(id="a", instruction="x"), "not LLMNode"),
        (Path("flow.yaml"), ". To read a file, use load(path)"),
        ("flow.yaml", "not str. To read a file, use load(path)"),
    ],
)
def test_what_is_no_definition_is_refused_with_the_way_to_one(value: Any, remedy: str) -> None:
    for use in USES:
        with pytest.raises(
            TypeError,
            match=rf"must be a WorkflowBuilder, a WorkflowDefinition or a mapping, .*{re.escape(remedy)}$",
        ):
            use(value)
    [problem] = check_definition(value)
    assert problem.code == "wrong_type"
