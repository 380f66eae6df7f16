"""How to reach what no run has reached: each recipe is followed in the emulator."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fibonacci.definitions.coverage import Branch, Coverage, CoverageTarget
from fibonacci.emulator import Emulator, NodeFailure
from fibonacci.emulator.engine.recipes import Recipes
from fibonacci.emulator.engine.scheduler import RUN_OBSERVERS
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool
from tests.tools.flows import random_graph


def conditional(node_id: str, left: Any, operator: str, right: Any = None, **branches: list[str]) -> dict[str, Any]:
    compared = {"left_value": left, "operator": operator, "right_value": right}
    return {"id": node_id, "type": "conditional", **compared, **branches}


URGENCY = {"urgency": {"enum": ["low", "high"]}, "note": {"type": "string"}}
SCHEMA = {"type": "object", "properties": URGENCY, "required": ["urgency", "note"]}
TRIAGE: dict[str, Any] = {
    "input_schema": {"properties": {"size": {"enum": ["S", "M"]}}},
    "nodes": [
        llm("classify", output_schema=SCHEMA),
        conditional("urgent", "{{classify.urgency}}", "equals", "high", true_branch=["page"], false_branch=["draft"]),
        tool("page", "slack_send_message", fallback="mail", enable_retry=True, max_retries=2),
        llm("mail"),
        llm("draft"),
        {"id": "judge", "type": "critic", "target_node": "draft"},
        conditional("big", "{{input.order.amount}}", "greater_than", 100, true_branch=["huge"]),
        conditional("huge", "{{input.order.amount}}", "greater_than", 1000, true_branch=["ask"]),
        llm("ask", condition={"field": "{{input.vip}}", "operator": "is_not_empty"}),
        conditional("small", "{{input.size}}", "equals", "S"),
        conditional("kept", "{{memory.seen}}", "equals", "S"),
    ],
}
PAGED = "emulator.script('classify', [{'urgency': 'high', 'note': 'text'}])"


@each_row(
    ("node", "branch", "recipe"),
    [
        ("classify", None, None),
        ("page", None, PAGED),
        ("page", "retry", f"{PAGED} and emulator.script('page', [NodeFailure(kind=\"error\"), answer])"),
        ("mail", None, f"{PAGED} and emulator.script('page', [NodeFailure(kind=\"error\")] * 3)"),
        (
            "judge",
            "critic",
            "emulator.script('classify', [{'urgency': 'low', 'note': 'text'}], repeat=True)"
            " and emulator.script('judge', [0, 10])",
        ),
        ("big", "false", "inputs={'order': {'amount': 100}}"),
        ("huge", "false", "inputs={'order': {'amount': 101}}"),
        ("huge", "true", "inputs={'order': {'amount': 1001}}"),
        ("ask", None, "inputs={'order': {'amount': 1001}, 'vip': 'other'}"),
        ("ask", "condition", "inputs={'order': {'amount': 1001}, 'vip': ''}"),
        ("small", "false", "inputs={'size': 'M'}"),
        ("kept", "true", None),
    ],
)
def test_a_recipe(node: str, branch: Branch | None, recipe: str | None) -> None:
    assert Recipes(Coverage("Triage", TRIAGE)).of(CoverageTarget(node, branch)) == recipe


def followed(coverage: Coverage, **defaults: Any) -> list[tuple[CoverageTarget, str]]:
    """Follow each recipe, and return those that do not reach their target."""
    recipes, failed = Recipes(coverage), list[tuple[CoverageTarget, str]]()
    for target in coverage.targets:
        recipe = recipes.of(target)
        if recipe is None:
            continue
        emulator = Emulator(time="skip")
        client = emulator.client()
        inputs: dict[str, Any] = {}
        for part in recipe.split(" and "):
            if part.startswith("inputs="):
                inputs = eval(part.removeprefix("inputs="))
            else:
                eval(part, {"emulator": emulator, "NodeFailure": NodeFailure, "answer": "ok"})
        reached = Coverage(coverage.name, coverage.definition)
        workflow = client.workflows.create(name="Example", definition=coverage.definition)
        execution = client.workflows.execute(workflow.id, inputs=defaults | inputs)
        reached.add([node.model_dump(mode="json") for node in client.executions.get(execution.id).trace or []])
        failed += [] if reached.hits[target] else [(target, recipe)]
    return failed


def test_each_recipe_of_a_workflow_reaches_its_target() -> None:
    assert followed(Coverage("Triage", TRIAGE), order={"amount": 5}, vip="", size="S") == []


@each_row("seed", range(20))
def test_each_recipe_of_a_random_workflow_reaches_its_target(seed: int) -> None:
    graph = random_graph(random.Random(seed))
    defaults = {name: values[0] for name, values in graph.choices.items()}
    assert followed(Coverage("Example", {"nodes": graph.nodes}), **defaults) == []


@pytest.mark.parametrize("is_canceled", [True, False])
def test_runs_are_observed_when_they_end_even_if_the_emulator_drops_them(is_canceled: bool) -> None:
    seen: list[tuple[str, list[str]]] = []

    def observe(name: str, definition: dict[str, Any], trace: list[dict[str, Any]]) -> None:
        seen.append((name, [node["status"] for node in trace]))

    RUN_OBSERVERS.append(observe)
    try:
        emulator = Emulator(time="manual", keep=1)
        client = emulator.client()
        with emulator.preserve_state():
            nodes = [llm("greet"), tool("rest", "wait", {"seconds": 60})]
            execution = client.workflows.execute(
                client.workflows.create(name="Greeter", definition={"nodes": nodes}).id
            )
            assert seen == []
            if is_canceled:
                client.executions.cancel(execution.id)
            else:
                emulator.clock.advance(60)
    finally:
        RUN_OBSERVERS.remove(observe)
    assert seen == [("Greeter", ["completed", "cancelled" if is_canceled else "completed"])]
