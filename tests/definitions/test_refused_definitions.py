"""A definition that the platform refuses: the error says what `check_definition` finds in it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from fibonacci import ValidationError, WorkflowBuilder
from fibonacci.definitions import Problems, check_definition
from fibonacci.emulator import Emulator
from tests.kit.assertions import check_rows
from tests.kit.mode import Mode, both_modes

MISSPELLED: dict[str, Any] = {"nodes": [{"id": "greet", "type": "llm", "instrction": "Hello"}]}
REFUSAL = {"error": {"code": "validation_error", "message": "the definition is invalid"}}


@both_modes
def test_the_error_has_the_problems_of_the_definition_that_was_sent(mode: Mode, emulator: Emulator) -> None:
    client = mode.client_of(emulator)
    workflows = client.workflows
    workflow = mode.run(workflows.create(name="Empty"))
    calls = {
        "create": lambda: workflows.create(name="a", definition=MISSPELLED),
        "update": lambda: workflows.update(workflow.id, definition=MISSPELLED),
        "ensure": lambda: workflows.ensure(name="a", definition=MISSPELLED),
        "request": lambda: client.request("POST", "/workflows", json={"name": "a", "definition": MISSPELLED}),
    }

    emulator.fail("POST /workflows", status=422, body=REFUSAL, times=None)
    emulator.fail("PUT /workflows/{id}", status=422, body=REFUSAL, times=None)

    def check(call: Any) -> None:
        with pytest.raises(ValidationError) as caught:
            mode.run(call())
        error = caught.value
        assert error.problems == check_definition(MISSPELLED)
        assert [each.code for each in error.problems] == ["missing_field", "unknown_key"]
        assert "nodes[0].instrction: warning: " in str(error)
        assert str(error).count("Did you mean 'instruction'?") == 1
        copy = pickle.loads(pickle.dumps(error))
        assert (copy.problems, type(copy.problems), str(copy)) == (error.problems, Problems, str(error))

    check_rows(calls.items(), check)


def test_the_text_has_a_few_and_counts_the_others(emulator: Emulator) -> None:
    emulator.fail("POST /workflows", status=422, body=REFUSAL)
    nodes = [{"id": f"node-{number}", "type": "llm"} for number in range(40)]
    with pytest.raises(ValidationError) as caught:
        emulator.client().workflows.create(name="a", definition={"nodes": nodes})
    assert len(caught.value.problems) == 40
    text = str(caught.value)
    assert text.count("nodes[") == 3
    assert "; and 37 more in `problems` [" in text


def test_no_problems_without_a_definition_or_a_fault(emulator: Emulator) -> None:
    workflows = emulator.client().workflows
    workflow = workflows.create(name="Empty")
    flow = WorkflowBuilder("sound")
    flow.llm("greet", "Hello")
    calls: dict[str, Any] = {
        "sound": lambda: workflows.create(flow),
        "none": lambda: workflows.create(name="a"),
        "null": lambda: workflows.update(workflow.id, definition=None),
        "another body": lambda: emulator.client().request("POST", "/workflows", json=["a"]),
    }

    def check(call: Any) -> None:
        emulator.fail("*", status=422, body=REFUSAL)
        with pytest.raises(ValidationError, match=r"the definition is invalid \[") as caught:
            call()
        assert (caught.value.problems, type(caught.value.problems)) == ([], Problems)

    check_rows(calls.items(), check)
    assert ValidationError("made by a test").problems == []


def test_neither_the_key_nor_a_parameter_is_in_the_problems() -> None:
    emulator = Emulator(api_key="fib-key-of-the-test")
    emulator.fail("POST /workflows", status=422, body=REFUSAL)
    node = {"id": "a", "type": "tool", "tool": "t", "params": {"token": "hunter2"}, "fib-key-of-the-test": "hunter2"}
    with pytest.raises(ValidationError) as caught:
        emulator.client().workflows.create(name="a", definition={"nodes": [node]})
    assert caught.value.problems[0].location == "nodes[0].[API key]"
    sent = pickle.dumps(caught.value)
    assert b"hunter2" not in sent
    assert b"fib-key-of-the-test" not in sent
