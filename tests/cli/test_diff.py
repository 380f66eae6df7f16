"""`fibonacci diff`: files and workflows."""

from __future__ import annotations

import pytest

from fibonacci import Fibonacci
from tests.cli.definitions import FAULTS, FAULTY, FORMATTED, GREETER, UNFORMATTED, write
from tests.cli.invocation import invoke

pytestmark = pytest.mark.usefixtures("folder")


def test_files_that_mean_the_same_exit_0() -> None:
    write("a.yaml", UNFORMATTED)
    write("b.yaml", FORMATTED)
    assert invoke("diff", "a.yaml", "b.yaml") == (0, "", "")
    assert invoke("diff", "a.yaml", "b.yaml", "--json").data == []


def test_differences_exit_1() -> None:
    write("a.yaml", GREETER)
    write("b.yaml", FORMATTED)
    assert invoke("diff", "a.yaml", "b.yaml") == (1, "~ greet.instruction: 'Greet {{input.name}}' -> 'Hello'\n", "")
    run = invoke("diff", "a.yaml", "-", "--json", stdin=FORMATTED)
    assert (run.code, run.data) == (
        1,
        [
            {
                "kind": "changed",
                "location": "greet.instruction",
                "node": "greet",
                "old": "Greet {{input.name}}",
                "new": "Hello",
            }
        ],
    )


@pytest.mark.usefixtures("platform")
def test_a_file_is_compared_with_its_workflow_as_a_plan_does() -> None:
    write("greeter.yaml", GREETER)
    definition = {"nodes": [{"id": "greet", "type": "llm", "prompt": "Greet {{input.name}}"}]}
    with Fibonacci() as client:
        workflow = client.workflows.create(name="Greeter", description="Greets", definition=definition)
        client.workflows.update(workflow.id, description="Says hello")
    assert invoke("diff", "greeter.yaml", workflow.id) == (0, "", "")
    assert invoke("diff", "Greeter", "greeter.yaml").code == 0
    assert invoke("diff", "Greeter@1", "Greeter") == (1, "~ description: 'Greets' -> 'Says hello'\n", "")


def test_faults_in_files_exit_64() -> None:
    write("bad.yaml", FAULTY)
    write("a.yaml", GREETER)
    assert invoke("diff", "a.yaml", "bad.yaml") == (64, "", f"{FAULTS}fibonacci: 3 problems in definitions\n")
    assert invoke("diff", "a.yaml", "nope.yaml").code == 64
    assert invoke("diff", "-", "-") == (64, "", "fibonacci: only one of the two can be stdin\n")
