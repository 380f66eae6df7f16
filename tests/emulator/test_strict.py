"""A strict emulator refuses what `check_definition` reports with its tools and models, and knows nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fibonacci import Fibonacci, ValidationError
from fibonacci.definitions import Problem, check_definition
from fibonacci.definitions.problems import INVALID, MAY_HAPPEN
from fibonacci.emulator import Emulator
from tests.definitions.test_problem_codes import ROWS
from tests.emulator.handling import create
from tests.kit.assertions import check_rows
from tests.kit.nodes import llm, tool

FAULTY = [(row.code, row.definition) for row in ROWS if row.code != "not_json"]  # no client can send that
GATED = [
    {"id": "gate", "type": "conditional", "left_value": "{{input.x}}", "operator": "is_empty", "true_branch": ["a"]},
    llm("a"),
    llm("b", "Sum up {{a}}", dependencies=["gate"]),
]


class Reported:
    """What `check_definition` reports with the tools and models of an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._tools, self._models = list(emulator.client().tools.list()), emulator.models

    def __call__(self, definition: dict[str, Any]) -> list[Problem]:
        return check_definition(definition, tools=self._tools, models=self._models)


def refusals(client: Fibonacci, definition: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the places and the messages of the refusal of a definition, the same for `create` and `update`."""
    workflow = client.workflows.create(name="x").id
    found: list[list[tuple[str, str]]] = []
    calls: list[Callable[[], object]] = [
        lambda: client.workflows.create(name="x", definition=definition),
        lambda: client.workflows.update(workflow, definition=definition),
    ]
    for send in calls:
        try:
            send()
            found.append([])
        except ValidationError as error:
            found.append([(each["field"], each["message"]) for each in error.details])
    assert found[0] == found[1]
    return found[0]


def test_it_refuses_exactly_what_check_definition_reports() -> None:
    emulator = Emulator(strict=True)
    client, reported = emulator.client(), Reported(emulator)

    def check(definition: dict[str, Any]) -> None:
        problems = reported(definition)
        written = [each for each in problems if each.code not in MAY_HAPPEN]
        assert refusals(client, definition) == [
            (f"definition.{each.location}".rstrip("."), f"{each.message} ({each.code})") for each in written
        ]

    check_rows(FAULTY, check)


def test_without_strict_only_a_definition_without_meaning_is_refused_and_the_rest_are_warnings() -> None:
    emulator = Emulator()
    client, reported = emulator.client(), Reported(emulator)

    def check(definition: dict[str, Any]) -> None:
        emulator.reset()
        problems = reported(definition)
        refused = refusals(client, definition)
        if not any(each.code in INVALID for each in problems):
            assert refused == []
            warnings = {(each.code, each.location.partition(" ")[2], each.message) for each in emulator.warnings}
            assert warnings == {(each.code, each.location, each.message) for each in problems}
        else:
            errors = [each for each in problems if each.severity == "error"]
            assert [message for _, message in refused] == [f"{each.message} ({each.code})" for each in errors]

    check_rows(FAULTY, check)


class TestWhatMayHappen:
    def test_it_is_accepted_and_a_warning_of_the_run_in_which_it_happens(self) -> None:
        emulator = Emulator(strict=True)
        client = emulator.client()
        workflow = create(client, *GATED)
        client.workflows.execute(workflow, inputs={"x": ""})
        assert emulator.warnings == []

        execution = client.workflows.execute(workflow, inputs={"x": "5"})
        (warning,) = emulator.warnings
        assert (warning.code, warning.location) == ("may_have_no_value", f"workflows/{workflow} nodes[2].instruction")
        assert warning.message == "{{a}} has no value: 'a' was skipped"
        foreseen = [each.location for each in Reported(emulator)({"nodes": GATED}) if each.code in MAY_HAPPEN]
        assert foreseen == ["nodes[2].instruction"]
        trace = client.executions.get(execution.id).trace or []
        assert [node.warnings for node in trace] == [[], [], [f"instruction: {warning.message}"]]

    def test_an_output_without_a_value(self) -> None:
        emulator = Emulator(strict=True)
        client = emulator.client()
        gate = GATED[0] | {"false_branch": ["b"]}
        outputs = {"a": "It says {{a}}", "alone": "{{a}}", "either": "{{a}}{{b}}"}
        workflow = create(client, gate, GATED[1], llm("b"), outputs=outputs)
        execution = client.workflows.execute(workflow, inputs={"x": "5"})
        assert execution.outputs == {"a": "It says ", "alone": None, "either": "[default model] do"}
        assert [warning.location for warning in emulator.warnings] == [f"workflows/{workflow} outputs.a"]


def test_its_own_tools_and_models_count_when_the_workflow_is_created() -> None:
    emulator = Emulator(strict=True)
    client = emulator.client()
    definition = {"nodes": [tool("a", "stock.level", {"depot": 1}), llm("b", model="mine")]}
    assert [place for place, _ in refusals(client, definition)] == [
        "definition.nodes[0].tool",
        "definition.nodes[1].model",
    ]
    emulator.tool("stock_level")(lambda _: 7)
    emulator.models.append("mine")
    assert refusals(client, definition) == []
