"""What is wrong with a definition is reported before a run, and nothing is reported of what is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fibonacci.definitions import WorkflowDefinition, diff, load, to_plain
from fibonacci.definitions.graph import edges
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator import Emulator
from fibonacci.emulator.engine.default_nodes import sample
from tests.kit.assertions import check_rows
from tests.tools.mistakes import __main__ as script
from tests.tools.mistakes.kinds import FAULTS, mutations, read
from tests.tools.mistakes.programs import CASES, Case
from tests.tools.mistakes.valid import valid_definition

FILES = Path(script.__file__).with_name("workflows")


@pytest.fixture
def check() -> script.Check:
    """Return the check with the tools and the models of an emulator."""
    return script.check_of(Emulator())


def meaning(definition: WorkflowDefinition) -> dict[str, Any]:
    """Return a definition with the dependencies that its templates and branches imply, as the builder writes them."""
    plain = to_plain(definition)
    for owner in (plain, *plain["nodes"]):
        for key in ("input_schema", "output_schema"):
            if key in owner:
                owner[key] = without_titles(owner[key])
    for node in plain["nodes"]:
        node["dependencies"] = list(edges(plain["nodes"])[node["id"]])
    return plain


def without_titles(schema: Any) -> Any:
    """Leave out the titles that pydantic gives to all parts of a schema."""
    if is_object(schema):
        parts = {key: without_titles(value) for key, value in schema.items()}
        return {key: part for key, part in parts.items() if key != "title" or is_object(part)}
    return [without_titles(element) for element in schema] if is_array(schema) else schema


def test_the_eight_programs_are_the_eight_files() -> None:
    def compare(row: tuple[str, Case]) -> None:
        name, case = row
        assert diff(meaning(load(FILES / f"{name}.yaml")), meaning(case.build().definition)).changes == ()

    assert {file.stem for file in FILES.iterdir()} == set(CASES)
    assert sorted(len(read(name)["nodes"]) for name in CASES)[:: len(CASES) - 1] == [5, 40]
    check_rows([(name, (name, case)) for name, case in CASES.items()], compare)


def test_the_eight_workflows_are_sound_and_run(check: script.Check) -> None:
    variables = {"CRM_TOKEN": "a token", "ID_TOKEN": "a token"}
    emulator = Emulator(strict=True, time="skip", env=variables, secrets=variables)
    client = emulator.client()

    def run(row: tuple[str, Case]) -> None:
        name, case = row
        assert check(read(name)) == []
        workflow = client.workflows.create(name=name, definition=read(name))
        execution = client.workflows.run(workflow.id, inputs=case.inputs)
        assert set(execution.outputs or ()) == set(read(name)["outputs"])

    check_rows([(name, (name, case)) for name, case in CASES.items()], run)


def test_a_change_is_reported(check: script.Check) -> None:
    """`python -m tests.tools.mistakes` has 900 each night."""
    changed = mutations(2, len(FAULTS))[::3]
    found = script.outcomes(changed, check)
    assert script.share(found) >= script.REQUIRED
    assert script.unexplained(found) == []


def test_nothing_is_reported_of_valid_definitions_and_they_run(check: script.Check) -> None:
    assert script.false_words(range(script.VALID, script.VALID + 12), check) == {}  # the script has those before
    emulator = Emulator(strict=True, time="skip", env={"ID": "1"}, secrets={"A": "2222"})
    client = emulator.client()
    for seed in (4, 8, 12):  # what they say is valid, or they would prove nothing
        definition = valid_definition(seed)
        workflow = client.workflows.create(name=str(seed), definition=definition)
        client.workflows.run(workflow.id, inputs=sample(definition["input_schema"], "a text"))
    # That a default answer was chosen says nothing of the definition.
    assert [warning for warning in emulator.warnings if warning.code != "made_up_answer"] == []
