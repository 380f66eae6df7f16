"""Scripts: answers and faults that nodes get in sequence."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, LLMCall, NodeFailure, ToolCall
from fibonacci.emulator.option_values import TimeMode
from tests.emulator.handling import create, details, node_of
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool


def run(client: Fibonacci, *nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Create a workflow, execute it, and return the whole execution."""
    return details(client, client.workflows.execute(create(client, *nodes, **more)).id)


def error_of(execution: dict[str, Any], node_id: str) -> str:
    return str(node_of(execution, node_id)["error"])


def test_answers_come_in_sequence_and_then_the_node_fails() -> None:
    emulator = Emulator()
    client = emulator.client()
    script = emulator.script("classify", ["high", {"urgency": ["low"]}, None])
    workflow_id = create(client, llm("classify"))
    outputs = [client.workflows.run(workflow_id).outputs["classify"] for _ in range(3)]
    assert outputs == ["high", {"urgency": ["low"]}, None]
    assert (script.taken, script.remaining, emulator.scripts.unused) == (3, 0, [])
    failed = details(client, client.workflows.execute(workflow_id).id)
    assert failed["status"] == "failed"
    assert error_of(failed, "classify") == (
        "the script for 'classify' has ended: all of its 3 answers have been used. "
        "Give it more answers, or pass repeat=True"
    )
    assert script.taken == 3


def test_a_script_that_repeats_begins_again() -> None:
    emulator = Emulator()
    script = emulator.script("a", [1, 2], repeat=True)
    workflow_id = create(emulator.client(), llm("a"))
    assert [emulator.client().workflows.run(workflow_id).outputs["a"] for _ in range(5)] == [1, 2, 1, 2, 1]
    assert (script.taken, script.remaining) == (5, None)
    with pytest.raises(
        ValueError, match=r"'a' has a script that repeats, so no other script can follow it: remove it with clear\(\)"
    ):
        emulator.script("a", [3])
    assert list(emulator.scripts) == [script]


def test_the_node_goes_before_the_model_the_tool_and_the_handler() -> None:
    emulator = Emulator()
    client = emulator.client()

    @emulator.llm
    def reply(call: LLMCall) -> str:
        return "handler"

    @emulator.tool("gmail.send")
    def send(call: ToolCall) -> str:
        return "handler"

    emulator.script("own", ["node"])
    emulator.script("claude-haiku-4-5", ["model"], repeat=True)
    emulator.script("gmail.send", ["tool", "tool again"])
    nodes = [llm("own", model="claude-haiku-4-5"), llm("by-model", model="claude-haiku-4-5"), llm("other")]
    mails = [tool("mail", "gmail_send"), tool("mail-2", "gmail.send", dependencies=["mail"])]
    execution = run(client, *nodes, *mails)
    assert execution["outputs"] == {
        "own": "node",
        "by-model": "model",
        "other": "handler",
        "mail": "tool",
        "mail-2": "tool again",
    }
    own = run(client, llm("own", model="claude-haiku-4-5"))
    assert "the script for 'own' has ended" in error_of(own, "own")  # the model's is not taken in its place


def test_critics_have_scores() -> None:
    emulator = Emulator()
    emulator.script("judge", [3, {"criteria_scores": {"short": 9}}, "good"])
    emulator.script("draft", ["first", "second", "third"])
    critic = {"id": "judge", "type": "critic", "target_node": "draft", "criteria": ["short"]}
    improved = run(emulator.client(), llm("draft"), critic)
    assert improved["outputs"]["draft"] == "second"
    assert improved["outputs"]["judge"] == {"passed": True, "overall_score": 9, "criteria_scores": {"short": 9}}
    assert "a critic must return a score" in error_of(run(emulator.client(), llm("draft"), critic), "judge")


def test_a_conditional_has_no_script() -> None:
    emulator = Emulator()
    emulator.script("gate", [True])
    gate = {"id": "gate", "type": "conditional", "left_value": "a", "operator": "equals", "right_value": "a"}
    execution = run(emulator.client(), gate | {"true_branch": ["a"], "false_branch": []}, llm("a"))
    assert "this conditional has a script, but its operands decide" in error_of(execution, "gate")


@pytest.mark.parametrize("time", ["skip", "manual"])
def test_a_timeout_passes_on_the_emulators_clock_and_is_retried(time: TimeMode) -> None:
    emulator = Emulator(time=time)
    client = emulator.client()
    emulator.script("a", [NodeFailure(kind="timeout"), NodeFailure(kind="error", message="overloaded"), "done"])
    node = llm("a", timeout=60, enable_retry=True, retry_delay=10)
    execution_id = client.workflows.execute(create(client, node)).id
    if time == "manual":
        assert client.executions.get(execution_id).status == "running"
        for seconds in (59.9, 0.1, 10, 9.9):
            assert node_of(details(client, execution_id), "a")["status"] == "running"
            emulator.clock.advance(seconds)
        assert details(client, execution_id)["status"] == "running"
        emulator.clock.advance(0.1)
    execution = details(client, execution_id)
    assert (execution["outputs"], execution["duration_ms"]) == ({"a": "done"}, 80_000)
    assert execution["trace"][0]["attempts"] == 3


def test_a_timeout_of_a_node_without_a_limit_is_that_of_its_workflow() -> None:
    emulator = Emulator(time="skip")
    emulator.script("a", [NodeFailure(kind="timeout")], repeat=True)
    execution = run(emulator.client(), llm("a"), timeout=30)
    assert execution["error"] == "the workflow: it took longer than its timeout of 30 seconds"
    assert "neither the node nor its workflow has one: set one of them" in error_of(
        run(emulator.client(), llm("a")), "a"
    )


def test_no_answer_is_taken_twice_by_executions_at_once() -> None:
    with Emulator() as emulator:
        script = emulator.script("a", list(range(24)))
        with Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
            workflow_id = create(client, llm("a"))
            with ThreadPoolExecutor(6) as pool:
                runs = [pool.submit(client.workflows.run, workflow_id) for _ in range(24)]
            assert sorted(each.result().outputs["a"] for each in runs) == list(range(24))
        assert script.remaining == 0


def test_unused_scripts_can_be_asked_for() -> None:
    emulator = Emulator(strict=True)
    client = emulator.client()
    misspelled = emulator.script("clasify", ["high"])
    emulator.script("later", ["x"])
    run(client, llm("classify"))
    assert emulator.scripts.unused == list(emulator.scripts)
    run(client, llm("clasify"))
    assert (misspelled.taken, [script.name for script in emulator.scripts.unused]) == (1, ["later"])


NO_SCRIPTS: list[tuple[Any, Any, str]] = [
    ("", ["x"], r"name must be the ID of a node, the name of a tool, or a model, not ''"),
    (None, ["x"], r"name must be the ID of a node.*, not None"),
    ("a", "x", r"answers must be a list of answers, not str: put a single answer in brackets"),
    ("a", [], r"answers has no answers: a script needs at least one"),
    ("a", [1, {2}], r"answers\[1\] is not JSON: Object of type set"),
    ("a", [{"$failure": "timeouts"}], r"answers\[0\]\.\$failure must be timeout or error, not 'timeouts'"),
    ("a", [{"$failure": "error", "text": "x"}], r"answers\[0\] is a failure with the unknown key 'text'"),
    ("a", [{"$failure": "timeout", "message": "x"}], r"answers\[0\]\.message is only for an error"),
]


@each_row(("name", "answers", "message"), NO_SCRIPTS)
def test_what_is_no_script_is_refused_with_its_place(name: Any, answers: Any, message: str) -> None:
    emulator = Emulator()
    with pytest.raises(ValueError, match=message):
        emulator.script(name, answers)
    assert list(emulator.scripts) == []


def test_what_is_no_failure_is_refused() -> None:
    kind: Any = "slow"
    with pytest.raises(ValueError, match="kind must be timeout or error, not 'slow'"):
        NodeFailure(kind=kind)
    with pytest.raises(ValueError, match="message is only for an error"):
        NodeFailure(kind="timeout", message="x")
