"""Diagrams of executions: the state, the duration and the error of each node."""

from __future__ import annotations

from fibonacci import Fibonacci
from fibonacci.definitions import mermaid, svg
from tests.definitions.diagram_cases import (
    TRIAGE,
    Plain,
    execution_of,
    llm,
    trace_of,
)
from tests.definitions.pictures import SVG, boxes, groups, parsed, texts, title
from tests.kit.assertions import each_row

DONE = trace_of(
    classify=("completed", 1.234),
    gate=("completed", 0.004),
    page=("skipped",),
    draft=("completed", 2),
    judge=("failed", 3),
)


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


@each_row(
    ("milliseconds", "text"),
    [
        *((0, " · 0 ms"), (999.4, " · 999 ms"), (999.6, " · 1.0 s"), (59_940, " · 59.9 s"), (59_960, " · 1 min")),
        *((61_500, " · 1 min 2 s"), (7_384_000, " · 2 h 3 min"), (9e7, " · 1 d 1 h"), (-5, ""), (float("inf"), "")),
        (10**400, ""),
    ],
)
def test_durations_are_readable(milliseconds: float, text: str) -> None:
    picture = svg({"nodes": []}, execution=execution_of(duration_ms=milliseconds))
    assert texts(parsed(picture))[0] == f"exec_1: completed{text}"


@each_row("error", ["slack: <channel> not found", {"message": "slack: <channel> not found"}])
def test_the_error_of_a_node_stands_in_its_box_and_its_title(error: object) -> None:
    execution = execution_of("failed", trace_of(page=("failed", 30, error)))
    [group] = groups(svg(TRIAGE, execution=execution), "fib-failed")
    assert texts(group)[-2:] == ["failed · 30.0 s", "slack: <channel> not found"]
    assert title(group).endswith("\nslack: <channel> not found")
    assert "slack#58; #60;channel#62; not found" in mermaid(TRIAGE, execution=execution)


def test_without_a_trace_the_outputs_tell() -> None:
    picture = svg(TRIAGE, execution=execution_of(outputs={"classify": 1, "draft": None, "nobody": 2}))
    completed = [name for name, lines in boxes(picture).items() if lines[-1] == "completed"]
    assert completed == ["Classify the mail", "draft"]
    definition = TRIAGE | {"outputs": {"draft": "{{classify}}"}}  # these have names of their own
    picture = svg(definition, execution=execution_of(outputs={"draft": 1}))
    assert boxes(picture)["draft"][-1] == "unknown"


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
