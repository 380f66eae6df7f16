"""The branches of a conditional as `with` blocks."""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import Any

import pytest

from fibonacci import WorkflowBuilder
from fibonacci.definitions import ConditionalNode
from tests.kit.assertions import check_rows

Branches = dict[str, tuple[list[str], list[str]]]


@pytest.fixture
def flow() -> WorkflowBuilder:
    return WorkflowBuilder("triage")


def branches(flow: WorkflowBuilder) -> Branches:
    """Return the branches of each conditional, by its id."""
    return {
        each.id: (each.true_branch, each.false_branch)
        for each in flow.definition.nodes
        if isinstance(each, ConditionalNode)
    }


def dependencies(flow: WorkflowBuilder) -> dict[str, list[str]]:
    """Return the dependencies that are written, of the nodes that have some."""
    return {each.id: each.dependencies for each in flow.definition.nodes if each.dependencies}


def test_nodes_in_a_block_are_the_branch(flow: WorkflowBuilder) -> None:
    classify = flow.llm("classify", "x")
    with flow.when("urgent", classify, "equals", "high") as urgent:
        page = flow.tool("page", "t", {"why": classify})
        flow.critic("judge", page)
    with urgent.otherwise():
        flow.llm("draft", "x")
    flow.llm("last", "x")
    assert branches(flow) == {"urgent": (["page", "judge"], ["draft"])}
    assert dependencies(flow) == {
        "urgent": ["classify"],
        "page": ["classify", "urgent"],
        "judge": ["page", "urgent"],
        "draft": ["urgent"],
    }


def test_blocks_add_to_lists(flow: WorkflowBuilder) -> None:
    a, b = flow.llm("a", "x"), flow.llm("b", "x")
    with flow.when("gate", flow.inputs().x, "is_empty", then=[a], otherwise=[b]) as gate:
        flow.llm("c", "x")
    with gate.otherwise():
        flow.llm("d", "x")
    assert branches(flow) == {"gate": (["a", "c"], ["b", "d"])}


def test_a_node_of_a_block_that_a_conditional_beside_it_names_is_in_the_branch_of_that(flow: WorkflowBuilder) -> None:
    given = flow.inputs()
    with flow.when("outer", given.x, "is_empty"):
        page, kept = flow.tool("page", "t"), flow.tool("kept", "t")
        flow.when("inner", given.y, "is_empty", then=[page])
    flow.when("later", given.z, "is_empty", otherwise=[kept])
    assert branches(flow) == {
        "outer": (["kept", "inner"], []),
        "inner": (["page"], []),
        "later": ([], ["kept"]),
    }


def test_an_exception_ends_the_block_and_says_that_the_branch_is_incomplete(flow: WorkflowBuilder) -> None:
    gate = flow.when("gate", flow.inputs().x, "is_empty")
    with pytest.raises(ValueError, match="'A' is not an id") as caught, gate:
        _ = flow.llm("a", "x"), flow.llm("A", "x")
    assert caught.value.__notes__ == [
        "The branch of 'gate' is incomplete: build the workflow with a new WorkflowBuilder."
    ]
    flow.llm("b", "x")
    assert branches(flow) == {"gate": (["a"], [])}


def within(block: Any, inside: Any) -> None:
    with block, inside:
        pass


def test_a_block_that_is_out_of_place_is_refused() -> None:
    def twice(flow: Any, gate: Any) -> None:
        within(gate, nullcontext())
        within(gate, nullcontext())

    def otherwise_twice(flow: Any, gate: Any) -> None:
        within(gate.otherwise(), nullcontext())
        within(gate.otherwise(), nullcontext())

    def other_place(flow: Any, gate: Any) -> None:
        within(flow.when("b", "x", "is_empty"), gate.otherwise())

    def after_its_place(flow: Any, gate: Any) -> None:
        with gate:
            inner = flow.when("b", "x", "is_empty")
        within(inner, gate.otherwise())

    def in_itself(flow: Any, gate: Any) -> None:
        within(gate, gate.otherwise())

    def other_builder(flow: Any, gate: Any) -> None:
        WorkflowBuilder("other").when("b", gate, "is_empty")

    rows = {
        "twice": (
            twice,
            "`with flow.when(...) as gate:` already exists and can be written only once: add the nodes in that",
        ),
        "otherwise twice": (otherwise_twice, "`with gate.otherwise():` already exists and can be written only once"),
        "in another block": (
            other_place,
            "`with gate.otherwise():` is inside the block of 'b', but 'gate' was added elsewhere: write its blocks",
        ),
        "after the block around it": (after_its_place, "`with flow.when(...) as b:` is after that block, but 'b' was"),
        "in its own block": (in_itself, "`with gate.otherwise():` is inside the block of 'gate'"),
        "another builder's": (other_builder, "left is {{gate}} of another WorkflowBuilder. Use nodes of this one"),
    }

    def check(row: tuple[Any, str]) -> None:
        mistake, message = row
        flow = WorkflowBuilder("triage")
        gate = flow.when("gate", "x", "is_empty")
        with pytest.raises(ValueError, match=re.escape(message)):
            mistake(flow, gate)

    check_rows(rows.items(), check)
