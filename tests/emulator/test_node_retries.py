"""Retries and timeouts of nodes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, NodeFailure, ToolCall
from tests.emulator.handling import create, details, flaky, no_handler_works, node_of, wait_until
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual")


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Fibonacci]:
    with emulator.client(max_retries=0) as made:
        yield made


@pytest.mark.usefixtures("patient")
def test_a_node_is_retried_after_its_delay(emulator: Emulator, client: Fibonacci) -> None:
    attempts = flaky(emulator, 2)
    workflow = create(client, tool("a", "flaky", enable_retry=True, retry_delay=30), tool("b", params={"a": "{{a}}"}))
    execution = client.workflows.execute(workflow)
    assert (execution.status, attempts) == ("running", [1])
    emulator.clock.advance(29)
    assert client.executions.get(execution.id).status == "running"
    emulator.clock.advance(1)  # only this starts the second attempt
    wait_until(lambda: attempts == [1, 2] and no_handler_works())
    emulator.clock.advance(30)
    done = details(client, execution.id)
    assert (done["status"], done["duration_ms"], done["error"], attempts) == ("completed", 60_000, None, [1, 2, 3])
    assert node_of(done, "a") == {"id": "a", "type": "tool", "status": "completed", "attempts": 3, "error": None}


def test_a_node_that_waits_for_its_next_attempt_is_running(emulator: Emulator, client: Fibonacci) -> None:
    emulator.script("a", [NodeFailure(kind="error"), "yes"])  # its first attempt takes no time
    execution = client.workflows.execute(create(client, llm("a", enable_retry=True, retry_delay=30)))
    shown = details(client, execution.id)
    assert [node_of(shown, "a")["status"], shown["trace"][0]["status"]] == ["running"] * 2
    emulator.clock.advance(30)
    assert node_of(details(client, execution.id), "a")["status"] == "completed"


@pytest.mark.usefixtures("patient")
@each_row(
    ("options", "tried"),
    [
        ({}, 1),
        ({"enable_retry": True}, 4),
        ({"enable_retry": True, "max_retries": 1}, 2),
        ({"max_retries": 5}, 1),
        ({"retry": {"max_attempts": 2}}, 2),
        ({"retry": {}}, 4),
    ],
)
def test_retries_end(options: dict[str, Any], tried: int) -> None:
    emulator = Emulator(time="skip")
    attempts = flaky(emulator, 99)
    client = emulator.client()
    execution = client.workflows.execute(create(client, tool("a", "flaky", **options)))
    shown = details(client, execution.id)
    assert (shown["status"], shown["error"]) == ("failed", f"node 'a': failure {tried}")
    assert attempts == list(range(1, tried + 1))
    assert shown["duration_ms"] >= (tried - 1) * 1000  # the default delay is a second


def test_deterministic_errors_are_not_retried(emulator: Emulator, client: Fibonacci) -> None:
    execution = client.workflows.execute(create(client, llm("a", "{{input.absent}}", enable_retry=True)))
    assert execution.status == "failed"
    assert node_of(details(client, execution.id), "a")["attempts"] == 1


def test_the_default_timeout_of_a_tool_is_thirty_seconds(emulator: Emulator, client: Fibonacci) -> None:
    release = threading.Event()

    @emulator.tool("slow")
    def work(_: ToolCall) -> str:
        assert release.wait(10)
        return "too late"

    workflow = create(client, tool("a", "slow"), tool("b", "slow", timeout=90))
    execution = client.workflows.execute(workflow)
    emulator.clock.advance(29)
    assert client.executions.get(execution.id).nodes_failed == 0
    emulator.clock.advance(31)
    assert node_of(details(client, execution.id), "a")["error"] == "it took longer than its timeout of 30 seconds"
    assert client.executions.get(execution.id).status == "running"
    emulator.clock.advance(60)
    release.set()
    wait_until(no_handler_works)
    shown = details(client, execution.id)
    assert (shown["status"], shown["nodes_failed"], shown["duration_ms"]) == ("failed", 2, 90_000)


def test_only_an_explicit_timeout_limits_a_wait() -> None:
    client = Emulator(time="skip").client()
    patient = create(client, tool("a", "wait", {"seconds": 600}))
    assert client.workflows.run(patient, timeout=1000).duration_ms == 600_000
    hasty = create(client, tool("a", "wait", {"seconds": 600}, timeout=5, enable_retry=True, max_retries=1))
    shown = details(client, client.workflows.execute(hasty).id)
    assert (shown["status"], shown["duration_ms"]) == ("failed", 11_000)
    assert shown["error"] == "node 'a': it took longer than its timeout of 5 seconds"


@pytest.mark.parametrize("key", ["on_error", "fallback"])
@pytest.mark.parametrize(("failures", "ran"), [(99, "completed"), (0, "skipped")])
def test_the_node_for_failures_runs_after_a_failure_only(key: str, failures: int, ran: str) -> None:
    emulator = Emulator(time="skip")
    flaky(emulator, failures)
    client = emulator.client()
    nodes = [
        tool("a", "flaky") | {key: "b"},
        tool("b"),
        tool("c", params={"b": "{{b}}"}),
        tool("d", "t", {"a": "{{a}}"}),
    ]
    shown = details(client, client.workflows.execute(create(client, *nodes)).id)
    assert node_of(shown, "b")["status"] == node_of(shown, "c")["status"] == ran
    is_rescued = ran == "skipped" or key == "fallback"
    assert shown["status"] == ("completed" if is_rescued else "failed")
    assert node_of(shown, "d")["status"] == ("completed" if is_rescued else "skipped")
