from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from fibonacci import WorkflowBuilder
from fibonacci.definitions import (
    DefinitionError,
    Document,
    LLMNode,
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
