"""Diagrams of definitions: what they show."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from fibonacci import WorkflowBuilder
from fibonacci.definitions import DefinitionError, WorkflowDefinition, mermaid, svg
from tests.definitions.diagram_cases import (
    TRIAGE,
    Plain,
    llm,
)
from tests.definitions.pictures import boxes, groups, links, parsed, texts, title
from tests.kit.assertions import each_row
from tests.kit.notebooks import html_of


def test_nodes_and_edges_are_shown() -> None:
    picture = svg(TRIAGE)
    assert boxes(picture) == {
        "Classify the mail": ["llm"],
        "Urgent?": ["conditional", "classify.urgency equals", "high"],
        "page": ["tool: slack_send_message"],
        "draft": ["llm"],
        "judge": ["critic: draft"],
    }
    assert links(picture) == {
        "Classify the mail → Urgent?",
        "Classify the mail → page",
        "Urgent? → page: true",
        "Urgent? → draft: false",
        "draft → judge",
    }
    words = [texts(group) for group in groups(picture, "fib-link") if texts(group)]
    assert sorted(words) == [["false"], ["true"]]


def test_types_differ_in_shape_and_in_words() -> None:
    nodes = [{"id": kind, "type": kind} for kind in ("llm", "tool", "critic", "conditional", "other")]
    shapes = [
        (element.tag, re.sub(r"[\d.]+", "", element.get("d", "")), element.get("rx"))
        for group in groups(svg({"nodes": nodes}), "fib-node")
        for element in group
        if element.get("class") == "fib-box"
    ]
    assert len(set(shapes)) == len(nodes)


def test_a_long_label_is_shortened_and_stands_in_the_title() -> None:
    name = "Summarize the quarterly financial reports of all subsidiaries and compare them with the budget"
    [group] = groups(svg({"nodes": [llm("a", name=name)]}), "fib-node")
    assert texts(group)[0].startswith("Summarize the")
    assert texts(group)[1].endswith("…")
    assert title(group).startswith(f"{name} (a)\n")


def test_cycles_and_missing_nodes_are_drawn_as_such() -> None:
    definition = {"nodes": [llm("a", "c"), llm("b", "a"), llm("c", "b", "nobody"), llm("self", "self"), llm("a"), 3]}
    picture = svg(definition)
    assert {title(group) for group in groups(picture, "fib-cycle") if title(group)} == {"b → c", "self → self"}
    assert [texts(group) for group in groups(picture, "fib-missing")] == [["nobody", "not a node of this", "workflow"]]
    shown = [texts(group) for group in groups(picture, "fib-node")]
    assert ["a", "llm", "its id is not unique"] in shown
    assert ["nodes[5]", "no type"] in shown
    assert "class n6 missing" in mermaid(definition)


@each_row("definition", [{}, {"nodes": []}, {"nodes": None, "name": 3}])
def test_a_definition_without_nodes_says_so(definition: Plain) -> None:
    assert texts(parsed(svg(definition))) == ["no nodes"]
    assert mermaid(definition) == "flowchart TD"


def test_large_definitions_take_no_time() -> None:
    chain = [llm("n0"), *(llm(f"n{i}", f"n{i - 1}", f"n{i // 2}") for i in range(1, 300))]
    knot = [llm(f"n{i}", *(f"n{j}" for j in range(40) if j != i)) for i in range(40)]
    for nodes in (chain, knot):
        began = time.monotonic()
        assert len(groups(svg({"nodes": nodes}), "fib-node")) == len(nodes)
        assert time.monotonic() - began < 20


@each_row("draw", [svg, mermaid])
def test_wrong_arguments_are_refused_with_words(draw: Any) -> None:
    with pytest.raises(
        TypeError, match=r"a WorkflowDefinition or a mapping, not str\. To read a file, use load\(path\)"
    ):
        draw("triage.yaml")
    with pytest.raises(TypeError, match=r"execution must be an Execution, not str\. client\.executions\.get"):
        draw(TRIAGE, execution="exec_1")


def test_a_notebook_shows_the_picture() -> None:
    assert svg(TRIAGE) in html_of(WorkflowDefinition.model_validate(TRIAGE))


def test_a_notebook_shows_a_builder_also_before_its_definition_is_complete() -> None:
    flow = WorkflowBuilder("triage")
    with pytest.raises(DefinitionError):
        assert flow.definition is None
    assert ">no nodes<" in html_of(flow)
    flow.llm("classify", f"Classify {flow.inputs().mail}")
    assert svg(flow.definition) in html_of(flow)


def test_mermaid_names_nodes_by_safe_ids_and_labels_branches() -> None:
    assert mermaid(TRIAGE).splitlines() == [
        "---",
        'title: "Triage"',
        "---",
        "flowchart TD",
        '    n0("Classify the mail<br/>llm")',
        '    n1{{"Urgent?<br/>conditional<br/>classify.urgency equals high"}}',
        '    n2[["page<br/>tool#58; slack_send_message"]]',
        '    n3("draft<br/>llm")',
        '    n4(["judge<br/>critic#58; draft"])',
        '    n1 -->|"true"| n2',
        '    n1 -->|"false"| n3',
        "    n0 --> n1",
        "    n0 --> n2",
        "    n3 -.-> n4",
    ]
