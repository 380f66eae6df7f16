"""Coverage of a definition: what its runs have reached, by their traces."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions.coverage import Coverage, CoverageTarget
from fibonacci.definitions.diagrams.svg import Drawing
from fibonacci.emulator import Emulator
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool

BIG = {"left_value": "{{input.amount}}", "operator": "greater_than", "right_value": 100}
CRITIC = {"type": "critic", "target_node": "draft"}
DEFINITION: dict[str, Any] = {
    "default_retry": {"max_attempts": 2, "delay": 1},
    "nodes": [
        {"id": "big", "type": "conditional", **BIG, "true_branch": ["ask"]},
        llm("ask", enable_retry=False, condition={"field": "{{input.vip}}", "operator": "is_not_empty"}),
        tool("send", "send_it", fallback="mail", on_error="alarm"),
        llm("mail", enable_retry=False),
        llm("alarm", enable_retry=False),
        llm("draft", enable_retry=False),
        {"id": "judge", **CRITIC, "enable_retry": False},
        {"id": "second", **CRITIC, "enable_retry": False},
        {"id": "later", "type": "loop"},
    ],
}
TARGETS = {
    "big": ["true", "false"],
    "ask": ["condition"],
    "send": ["fallback", "on_error", "retry"],
    "judge": ["critic"],
    "second": ["critic"],
}


def trace_of(definition: dict[str, Any], scripts: dict[str, list[Any]], **inputs: Any) -> list[dict[str, Any]]:
    """Run a definition in the emulator, and return the trace of the run."""
    client = Emulator(time="skip", scripts=scripts).client()
    workflow = client.workflows.create(name="Example", definition=definition)
    execution = client.workflows.execute(workflow.id, inputs={"amount": 5, "vip": "", **inputs})
    return [node.model_dump(mode="json") for node in client.executions.get(execution.id).trace or []]


def reached(*traces: list[dict[str, Any]]) -> dict[CoverageTarget, int]:
    coverage = Coverage("Example", DEFINITION)
    for trace in traces:
        coverage.add(trace)
    return dict(coverage.hits)


def test_the_targets_are_the_nodes_and_what_acts_only_sometimes() -> None:
    targets = Coverage("Example", DEFINITION).targets
    assert [target.node for target in targets if target.branch is None] == [n["id"] for n in DEFINITION["nodes"]]
    assert {name: [t.branch for t in targets if t.node == name and t.branch] for name in TARGETS} == TARGETS
    assert len(targets) == 9 + sum(map(len, TARGETS.values()))


FAILURE = {"$failure": "error"}


@each_row(
    ("scripts", "inputs", "expected"),
    [
        ({}, {"amount": 101}, ["big true", "ask condition"]),
        ({}, {"amount": 101, "vip": "yes"}, ["big true", "ask"]),
        ({}, {}, ["big false"]),
        ({"send": [FAILURE, "sent"]}, {}, ["big false", "send retry"]),
        (
            {"send": [FAILURE, FAILURE]},
            {},
            ["big false", "send retry", "send fallback", "send on_error", "mail", "alarm"],
        ),
        ({"judge": [0, 10]}, {}, ["big false", "judge critic"]),
        ({"judge": [0, 10, 10], "second": [0, 10]}, {}, ["big false", "judge critic", "second critic"]),
    ],
)
def test_a_run_reaches_what_acted_in_it(
    scripts: dict[str, list[Any]], inputs: dict[str, Any], expected: list[str]
) -> None:
    found = {f"{each.node} {each.branch or ''}".strip() for each in reached(trace_of(DEFINITION, scripts, **inputs))}
    assert found - {"big", "send", "draft", "judge", "second", "later"} == {*expected}


@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        ({"judge": [0, 10]}, ["critic"]),
        ({"draft": [FAILURE, "x"]}, ["retry"]),
        ({"draft": ["x", FAILURE, "y"], "judge": [0, 10]}, ["retry", "critic"]),
    ],
)
def test_retries_are_told_from_the_iterations_of_a_critic(scripts: dict[str, list[Any]], expected: list[str]) -> None:
    definition = {"nodes": [llm("draft", enable_retry=True), {"id": "judge", **CRITIC}]}
    coverage = Coverage("Example", definition)
    coverage.add(trace_of(definition, scripts))
    assert [target.branch for target in coverage.targets if target.branch and coverage.hits[target]] == expected


@cache
def traces() -> list[list[dict[str, Any]]]:
    return [
        trace_of(DEFINITION, {}),
        trace_of(DEFINITION, {}, amount=101),
        trace_of(DEFINITION, {"send": [FAILURE, FAILURE], "judge": [0, 10]}),
    ]


def coverages() -> st.SearchStrategy[Coverage]:
    def build(numbers: list[int]) -> Coverage:
        coverage = Coverage("Example", DEFINITION)
        for number in numbers:
            coverage.add(traces()[number])
        return coverage

    return st.lists(st.integers(0, 2), max_size=4).map(build)


@given(coverages(), coverages(), coverages())
def test_merging_is_commutative_and_associative_and_json_keeps_all(
    one: Coverage, two: Coverage, three: Coverage
) -> None:
    assert (one + two).plain() == (two + one).plain()
    assert ((one + two) + three).plain() == (one + (two + three)).plain()
    assert (one + Coverage("Example", DEFINITION)).plain() == one.plain()
    again = Coverage.from_plain(json.loads(json.dumps(one.plain())))
    assert (again.plain(), again.tally) == (one.plain(), one.tally)


def test_definitions_with_the_same_meaning_have_the_same_digest() -> None:
    node = llm("a", "Greet {{input.name}}")
    older = {"id": "a", "type": "llm", "prompt": "Greet {{ input.name }}", "temperature": None}
    digests = {Coverage("", {"nodes": [node], "name": name}).digest for name in ("x", "y")} | {
        Coverage("", {"nodes": [older]}).digest
    }
    assert len(digests) == 1
    assert Coverage("", {"nodes": [llm("a", "Greet")]}).digest not in digests


def test_the_diagram_shows_what_ran_and_how_often() -> None:
    coverage = Coverage("Example", DEFINITION)
    for trace in traces()[:2]:
        coverage.add(trace)
    picture = Drawing(DEFINITION, coverage=coverage).text()
    for text in ("true: 1x", "false: 1x", "on error: never", "retried: never", "not met: 1x", "ran 2x", "never ran"):
        assert text in picture.replace("\N{MULTIPLICATION SIGN}", "x"), text
    assert picture.count("fib-node fib-llm fib-failed") == 3, "ask, mail and alarm"
    assert "fib-node fib-tool fib-cancelled" in picture, "it ran, and has branches that were never taken"
