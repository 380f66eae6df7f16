"""What is wrong with a definition is reported before a run, and nothing is reported of what is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions import Problems, check_definition
from fibonacci.emulator import Emulator
from fibonacci.emulator.engine.default_nodes import sample
from tests.tools.mistakes import mutator
from tests.tools.mistakes.mutator import Mistake, mistaken
from tests.tools.mistakes.valid import valid_definition

WORKFLOWS: Final = Path(mutator.__file__).with_name("workflows")
"""Eight workflows of 5 to 40 nodes, with schemas, nested conditionals, critics, fallbacks, memory and tools."""

Check = Callable[[object], Problems]


@pytest.fixture(scope="module")
def check() -> Check:
    """Return the check with the tools and the models of an emulator."""
    emulator = Emulator()
    tools, models = list(emulator.client().tools.list()), list(emulator.models)
    return lambda definition: check_definition(definition, tools=tools, models=models)


def read(workflow: str) -> dict[str, Any]:
    """Return one of the workflows, as its file has it."""
    definition: dict[str, Any] = yaml.safe_load((WORKFLOWS / f"{workflow}.yaml").read_text("utf-8"))
    return definition


def test_the_eight_workflows_are_sound_and_run(check: Check) -> None:
    variables = {"CRM_TOKEN": "a token", "ID_TOKEN": "a token"}
    emulator = Emulator(strict=True, time="skip", env=variables, secrets=variables)
    client = emulator.client()
    names = [path.stem for path in WORKFLOWS.glob("*.yaml")]
    assert len(names) == 8
    for name in names:
        definition = read(name)
        assert check(definition) == []
        workflow = client.workflows.create(name=name, definition=definition)
        execution = client.workflows.run(workflow.id, inputs=sample(definition["input_schema"], "a text"))
        assert {*(execution.outputs or ())} == {*definition["outputs"]}, name


@given(mistaken())
def test_a_mistake_is_reported(check: Check, made: tuple[Mistake, dict[str, Any]]) -> None:
    mistake, definition = made
    assert check(definition), mistake


@given(st.integers(0, 5_000))
def test_nothing_is_reported_of_a_valid_definition(check: Check, seed: int) -> None:
    assert check(valid_definition(seed)) == []


def test_valid_definitions_run() -> None:
    emulator = Emulator(strict=True, time="skip", env={"ID": "1"}, secrets={"A": "2222"})
    client = emulator.client()
    for seed in (4, 8, 12):  # what they say is valid, or they would prove nothing
        definition = valid_definition(seed)
        workflow = client.workflows.create(name=str(seed), definition=definition)
        client.workflows.run(workflow.id, inputs=sample(definition["input_schema"], "a text"))
    # That a default answer was chosen says nothing of the definition.
    assert [warning for warning in emulator.warnings if warning.code != "made_up_answer"] == []
