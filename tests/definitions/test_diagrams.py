"""Diagrams of definitions: what they show, with and without an execution, and that nothing in them is alive."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from IPython.core.formatters import HTMLFormatter

from fibonacci import Fibonacci, WorkflowBuilder
from fibonacci.definitions import DefinitionError, WorkflowDefinition, mermaid, svg
from fibonacci.definitions.diagrams.palette import DARK, LIGHT
from fibonacci.models import Execution
from tests.definitions.diagram_cases import (
    TRIAGE,
    Plain,
    any_definitions,
    any_executions,
    execution_of,
    hostile_definition,
    hostile_execution,
    llm,
    random_definition,
    trace_of,
)

SVG = "{http://www.w3.org/2000/svg}"
DONE = trace_of(
    classify=("completed", 1.234),
    gate=("completed", 0.004),
    page=("skipped",),
    draft=("completed", 2),
    judge=("failed", 3),
)


def parsed(picture: str) -> ElementTree.Element:
    """Parse a picture, which also proves that it is XML."""
    return ElementTree.fromstring(picture)


def groups(picture: str, name: str) -> list[ElementTree.Element]:
    return [group for group in parsed(picture).iter(f"{SVG}g") if name in group.get("class", "").split()]


def texts(element: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in element.iter(f"{SVG}text")]


def title(element: ElementTree.Element) -> str:
    return element.findtext(f"{SVG}title") or ""


def boxes(picture: str) -> dict[str, list[str]]:
    """Return the texts of each box, by the first one."""
    return {lines[0]: lines[1:] for lines in map(texts, groups(picture, "fib-node"))}


def links(picture: str) -> set[str]:
    return {title(group) for group in groups(picture, "fib-link") if title(group)}


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


@pytest.mark.parametrize(
    ("kind", "text"), [("missing", "missing"), ("other", "other"), ("", "no type"), (3, "no type")]
)
def test_a_type_that_is_not_known_is_shown_as_it_is(kind: object, text: str) -> None:
    picture = svg({"nodes": [{"id": "a", "type": kind}]})
    assert boxes(picture) == {"a": [text]}
    assert groups(picture, "fib-missing") == []


def test_an_edge_after_a_failure_says_so() -> None:
    definition = {
        "nodes": [llm("fetch", on_error="sorry"), llm("sorry"), llm("both", fallback="both-2"), llm("both-2")]
    }
    assert links(svg(definition)) == {"fetch → sorry: on error", "both → both-2: on error"}
    assert 'n0 -->|"on error"| n1' in mermaid(definition)


def test_a_node_in_both_branches_has_one_edge_with_both_words() -> None:
    gate = {"id": "gate", "type": "conditional", "left_value": 1, "operator": "equals", "right_value": True}
    definition = {"nodes": [gate | {"true_branch": ["next"], "false_branch": ["next"]}, llm("next", "gate")]}
    assert links(svg(definition)) == {"gate → next: true / false"}
    assert boxes(svg(definition))["gate"][1] == "1 equals true"


def test_the_model_and_its_plain_form_give_the_same() -> None:
    model = WorkflowDefinition.model_validate(TRIAGE)
    assert svg(model) == svg(TRIAGE)
    assert mermaid(model) == mermaid(TRIAGE)


def test_older_spellings_give_the_same() -> None:
    older = {"nodes": [{"id": "a", "type": "llm", "prompt": "Hello"}, {"id": "b", "type": "llm", "prompt": "{{a}}"}]}
    newer = {
        "nodes": [{"id": "a", "type": "llm", "instruction": "Hi"}, {"id": "b", "type": "llm", "instruction": "{{a}}"}]
    }
    assert svg(older) == svg(newer)


def test_a_long_label_is_shortened_and_stands_in_the_title() -> None:
    name = "Summarize the quarterly financial reports of all subsidiaries and compare them with the budget"
    [group] = groups(svg({"nodes": [llm("a", name=name)]}), "fib-node")
    assert texts(group)[0].startswith("Summarize the")
    assert texts(group)[1].endswith("…")
    assert title(group).startswith(f"{name} (a)\n")


def test_states_and_durations_are_words() -> None:
    execution = execution_of("failed", DONE, duration_ms=6500)
    picture = svg(TRIAGE, execution=execution)
    assert {name: lines[-1] for name, lines in boxes(picture).items()} == {
        "Classify the mail": "completed · 1.2 s",
        "Urgent?": "completed · 4 ms",
        "page": "skipped",
        "draft": "completed · 2.0 s",
        "judge": "failed · 3.0 s",
    }
    assert "exec_1: failed · 6.5 s" in texts(parsed(picture))
    assert title(parsed(picture)) == "Workflow Triage, execution exec_1: failed · 6.5 s"
    assert "page: tool: slack_send_message, skipped." in (parsed(picture).findtext(f"{SVG}desc") or "")


@pytest.mark.parametrize("status", ["completed", "failed", "running", "pending", "skipped", "cancelled"])
def test_each_state_has_a_class_of_its_own(status: str) -> None:
    definition = {"nodes": [llm("a")]}
    execution = execution_of(trace=trace_of(a=(status,)))
    assert len(groups(svg(definition, execution=execution), f"fib-{status}")) == 1
    assert f"class n0 {status}" in mermaid(definition, execution=execution)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s")],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    execution = execution_of(trace=trace_of(a=("completed", seconds)))
    assert boxes(svg({"nodes": [llm("a")]}, execution=execution))["a"][-1] == f"completed · {text}"


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(7_384_000, "2 h 3 min"), (-5, ""), (float("inf"), ""), (10**400, "")]
)
def test_an_execution_has_a_duration_too(milliseconds: float, text: str) -> None:
    picture = svg({"nodes": []}, execution=execution_of(duration_ms=milliseconds))
    assert texts(parsed(picture))[0] == f"exec_1: completed{f' · {text}' if text else ''}"


@pytest.mark.parametrize("error", ["slack: <channel> not found", {"message": "slack: <channel> not found"}])
def test_the_error_of_a_node_stands_in_its_box_and_its_title(error: object) -> None:
    execution = execution_of("failed", trace_of(page=("failed", 30, error)))
    [group] = groups(svg(TRIAGE, execution=execution), "fib-failed")
    assert texts(group)[-2:] == ["failed · 30.0 s", "slack: <channel> not found"]
    assert title(group).endswith("\nslack: <channel> not found")
    assert "slack#58; #60;channel#62; not found" in mermaid(TRIAGE, execution=execution)


def test_what_leads_to_a_skipped_node_is_faded() -> None:
    picture = svg(TRIAGE, execution=execution_of(trace=DONE))
    faded = groups(picture, "fib-faded")
    assert {title(group) for group in faded if title(group)} == {"Classify the mail → page", "Urgent? → page: true"}
    assert [texts(group) for group in faded if texts(group)] == [["true"]]


def test_an_execution_of_another_definition_leaves_the_nodes_unknown() -> None:
    picture = svg(TRIAGE, execution=execution_of(trace=trace_of(other=("completed", 1))))
    assert {lines[-1] for lines in boxes(picture).values()} == {"unknown"}
    assert len(boxes(picture)) == 5


def test_without_a_trace_the_outputs_tell() -> None:
    picture = svg(TRIAGE, execution=execution_of(outputs={"classify": 1, "draft": None, "nobody": 2}))
    states = {name: lines[-1] for name, lines in boxes(picture).items()}
    assert states == {
        "Classify the mail": "completed",
        "draft": "completed",
        "Urgent?": "unknown",
        "page": "unknown",
        "judge": "unknown",
    }


def test_named_outputs_are_not_taken_for_nodes() -> None:
    definition = TRIAGE | {"outputs": {"draft": "{{classify}}"}}
    picture = svg(definition, execution=execution_of(outputs={"draft": 1}))
    assert boxes(picture)["draft"][-1] == "unknown"


def test_an_execution_that_has_not_begun_has_pending_nodes() -> None:
    picture = svg(TRIAGE, execution=execution_of("pending_approval"))
    assert {lines[-1] for lines in boxes(picture).values()} == {"pending"}


def test_a_state_that_is_not_known_is_shown_as_it_is() -> None:
    picture = svg({"nodes": [llm("a")]}, execution=execution_of("paused", trace_of(a=("throttled", 2))))
    assert boxes(picture)["a"][-1] == "throttled · 2.0 s"


def test_a_run_on_the_emulator_is_shown(client: Fibonacci) -> None:
    gate: Plain = {"id": "gate", "type": "conditional", "left_value": "{{input.urgency}}", "operator": "equals"}
    gate |= {"right_value": "high", "true_branch": ["page"], "false_branch": ["draft"]}
    definition = {"nodes": [gate, llm("page"), llm("draft"), llm("send", "draft", instruction="{{input.nobody}}")]}
    workflow = client.workflows.create(name="Triage", definition=definition)
    started = client.workflows.execute(workflow.id, inputs={"urgency": "low"})
    execution = client.executions.wait(started.id)
    shown = boxes(svg(definition, execution=execution))
    assert shown["gate"][-1].startswith("completed · ")
    assert shown["page"][-1] == "skipped"
    assert shown["draft"][-1].startswith("completed · ")
    assert shown["send"][-3].startswith("failed · ")
    assert "{{input.nobody}}" in " ".join(shown["send"][-2:])


def test_cycles_and_missing_nodes_are_drawn_as_such() -> None:
    definition = {"nodes": [llm("a", "c"), llm("b", "a"), llm("c", "b", "nobody"), llm("self", "self"), llm("a"), 3]}
    picture = svg(definition)
    assert {title(group) for group in groups(picture, "fib-cycle") if title(group)} == {"b → c", "self → self"}
    assert [texts(group) for group in groups(picture, "fib-missing")] == [["nobody", "not a node of this", "workflow"]]
    shown = [texts(group) for group in groups(picture, "fib-node")]
    assert ["a", "llm", "its id is not unique"] in shown
    assert ["nodes[5]", "no type"] in shown
    assert "class n6 missing" in mermaid(definition)


@pytest.mark.parametrize("definition", [{}, {"nodes": []}, {"nodes": None, "name": 3}])
def test_a_definition_without_nodes_says_so(definition: Plain) -> None:
    assert texts(parsed(svg(definition))) == ["no nodes"]
    assert mermaid(definition) == "flowchart TD"


def test_large_definitions_take_no_time() -> None:
    chain = [llm("n0"), *(llm(f"n{i}", f"n{i - 1}", f"n{i // 2}") for i in range(1, 600))]
    knot = [llm(f"n{i}", *(f"n{j}" for j in range(60) if j != i)) for i in range(60)]
    for nodes in (chain, knot):
        began = time.monotonic()
        assert len(groups(svg({"nodes": nodes}), "fib-node")) == len(nodes)
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("draw", [svg, mermaid])
def test_wrong_arguments_are_refused_with_words(draw: Any) -> None:
    with pytest.raises(TypeError, match=r"a mapping or a WorkflowDefinition, not str; load\(path\) reads a file"):
        draw("triage.yaml")
    with pytest.raises(TypeError, match=r"execution must be an Execution, not str; client\.executions\.get"):
        draw(TRIAGE, execution="exec_1")


def test_a_definition_that_holds_itself_is_refused() -> None:
    definition: Plain = {"nodes": []}
    definition["nodes"].append(definition)
    with pytest.raises(ValueError, match="holds itself"):
        svg(definition)


@settings(max_examples=100)
@given(any_definitions, any_executions)
def test_any_definition_is_drawn_as_xml(definition: Plain, execution: Execution) -> None:
    for picture in (svg(definition), svg(definition, execution=execution)):
        parsed(picture)
        picture.encode()
    check_mermaid(mermaid(definition, execution=execution))


def check_mermaid(text: str) -> None:
    """Check that each line has the form of a line that Mermaid reads, with inert texts."""
    label = r'"(?:[^"#<>;\x00-\x1f]|#\d+;|<br/>)*"'
    node = rf"n\d+(?:\({label}\)|\[\[{label}\]\]|\(\[{label}\]\)|\{{\{{{label}\}}\}}|\[{label}\])"
    edge = rf"n\d+ -\.?->(?:\|{label}\|)? n\d+"
    style = r"classDef \w+ [\w#,:\- ]+|class [\w,]+ \w+"
    lines = text.split("\n")
    if lines[0] == "---":
        assert re.fullmatch(r'title: "(?:[^"#<>;%\\\x00-\x1f]|\\U[0-9a-f]{8})*"', lines[1])
        assert lines[2] == "---"
        del lines[:3]
    assert lines[0] in ("flowchart TD", "flowchart LR")
    for line in lines[1:]:
        assert re.fullmatch(rf"    (?:{node}|{edge}|{style})", line), line


def test_hostile_texts_are_inert() -> None:
    definition, execution = hostile_definition(), hostile_execution()
    picture = svg(definition, execution=execution)
    allowed = {"svg", "title", "desc", "style", "rect", "g", "path", "text", "circle"}
    assert {element.tag.removeprefix(SVG) for element in parsed(picture).iter()} == allowed
    names = {name for element in parsed(picture).iter() for name in element.attrib}
    assert not {name for name in names if name.startswith("on") or "href" in name or name in ("id", "src")}
    assert not re.search(r"url\(|@import|https?:(?!//www\.w3\.org/2000/svg\")", picture)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", picture)
    check_mermaid(mermaid(definition, execution=execution))


def test_it_is_an_image_with_a_title_and_a_description() -> None:
    root = parsed(svg(TRIAGE))
    assert root.get("role") == "img"
    assert title(root) == "Workflow Triage"
    assert root.findtext(f"{SVG}desc") == (
        "5 nodes, 5 edges. Classify the mail: llm, leads to Urgent?, page. "
        "Urgent?: conditional, classify.urgency equals high, leads to page (true), draft (false). "
        "page: tool: slack_send_message. draft: llm, leads to judge. judge: critic: draft."
    )


def test_equal_arguments_give_equal_text() -> None:
    first, second = (svg(random_definition(7), execution=execution_of()) for _ in range(2))
    assert first == second


def test_rules_are_bound_to_the_picture() -> None:
    picture = svg(TRIAGE)
    scope = parsed(picture).get("class")
    style = parsed(picture).findtext(f"{SVG}style") or ""
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"@media[^{]*\{", "", style))
    assert len(selectors) > 20
    for selector in ",".join(selectors).split(","):
        assert f".{scope}" in selector.split(), selector


def luminance(color: str) -> float:
    channels = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colors: Mapping[str, str], one: str, other: str) -> float:
    brighter, darker = sorted((luminance(colors[one]), luminance(colors[other])), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_and_lines_stand_out(colors: Mapping[str, str]) -> None:
    boxes = [name for name in colors if name.endswith("box")]
    states = [name.removesuffix("-box") for name in boxes if name != "box"]
    pairs = [(text, box) for text in ("ink", "soft") for box in (*boxes, "card")]
    pairs += [(state, box) for state in states for box in (f"{state}-box", "card")]
    for text, box in pairs:
        assert contrast(colors, text, box) >= 4.5, (text, box)
    for line in ("edge", "rim", *states):
        assert contrast(colors, line, "card") >= 3, line
    assert LIGHT.keys() == DARK.keys()


def test_a_notebook_shows_the_picture() -> None:
    shown = HTMLFormatter()(WorkflowDefinition.model_validate(TRIAGE))
    assert shown is not None
    assert svg(TRIAGE) in shown


def test_a_notebook_shows_a_builder_also_before_its_definition_is_complete() -> None:
    flow = WorkflowBuilder("triage")
    with pytest.raises(DefinitionError):
        assert flow.definition is None
    assert ">no nodes<" in str(HTMLFormatter()(flow))
    flow.llm("classify", f"Classify {flow.inputs().mail}")
    assert svg(flow.definition) in str(HTMLFormatter()(flow))


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


def test_a_wide_diagram_runs_to_the_right() -> None:
    fan = {"nodes": [llm("plan"), *(llm(f"n{i}", "plan") for i in range(12))]}
    root = parsed(svg(fan))
    assert float(root.get("width", "")) < 500 < float(root.get("height", ""))
    assert mermaid(fan).startswith("flowchart LR")
    chain = {"nodes": [llm("n0"), *(llm(f"n{i + 1}", f"n{i}") for i in range(12))]}
    assert mermaid(chain).startswith("flowchart TD")
    assert float(parsed(svg(chain)).get("width", "")) < 300
