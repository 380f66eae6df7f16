"""The branches of a conditional as `with` blocks."""

from __future__ import annotations

import re

import pytest

from fibonacci import WorkflowBuilder
from fibonacci.definitions import ConditionalNode
from tests.kit.assertions import each_row

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


ALREADY = "already exists and can be written only once"


@each_row(
    ("program", "message"),
    [
        ("with gate: pass\nwith gate: pass", f"`with flow.when(...) as gate:` {ALREADY}: add the nodes in that"),
        ("with gate.otherwise(): pass\nwith gate.otherwise(): pass", f"`with gate.otherwise():` {ALREADY}"),
        (
            "with flow.when('b', 'x', 'is_empty'), gate.otherwise(): pass",
            "`with gate.otherwise():` is inside the block of 'b', but 'gate' was added elsewhere: write its blocks",
        ),
        (
            "with gate: inner = flow.when('b', 'x', 'is_empty')\nwith inner, gate.otherwise(): pass",
            "`with flow.when(...) as b:` is after that block, but 'b' was",
        ),
        ("with gate, gate.otherwise(): pass", "`with gate.otherwise():` is inside the block of 'gate'"),
        ("WorkflowBuilder('other').when('b', gate, 'is_empty')", "left is {{gate}} of another WorkflowBuilder. Use"),
    ],
)
def test_a_block_that_is_out_of_place_is_refused(program: str, message: str) -> None:
    flow = WorkflowBuilder("triage")
    gate = flow.when("gate", "x", "is_empty")
    with pytest.raises(ValueError, match=re.escape(message)):
        exec(program, {"WorkflowBuilder": WorkflowBuilder, "flow": flow, "gate": gate})
