from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from fibonacci import Fibonacci
from fibonacci.emulator import CriticCall, Emulator, LLMCall, ToolCall
from fibonacci.emulator.facade import app_of
from tests.emulator.handling import create, details, no_handler_works, wait_until
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual")


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Fibonacci]:
    with emulator.client(max_retries=0) as made:
        yield made


class DatedVerdict(BaseModel):
    urgency: Literal["low", "high"]
    due: date = Field(serialization_alias="dueOn")


@pytest.mark.usefixtures("patient")
def test_a_handler_may_return_models(emulator: Emulator, client: Fibonacci) -> None:
    @emulator.llm
    def classify(call: LLMCall) -> DatedVerdict:
        return DatedVerdict(urgency="high", due=date(2026, 1, 2))

    @emulator.tool("search")
    def search(call: ToolCall) -> list[DatedVerdict]:
        return [DatedVerdict(urgency="high", due=date(2026, 1, 2))]

    workflow = create(client, llm("classify", "How urgent?", output_format="json"), tool("search", "search"))
    verdict = {"urgency": "high", "dueOn": "2026-01-02"}
    assert client.workflows.run(workflow).outputs == {"classify": verdict, "search": [verdict]}


@pytest.mark.usefixtures("patient")
def test_handlers_replace_the_default_nodes(emulator: Emulator, client: Fibonacci) -> None:
    calls: list[object] = []

    @emulator.llm
    def reply(call: LLMCall) -> str:
        calls.append(call)
        return call.instruction.upper()

    @emulator.tool("slack_send_message")
    async def send(call: ToolCall) -> dict[str, Any]:
        await asyncio.sleep(0)
        calls.append(call)
        return {"sent": call.params["text"]}

    @emulator.critic
    def judge(call: CriticCall) -> float:
        calls.append(call)
        return 9 if "ADA" in call.output else 2

    workflow = create(
        client,
        llm("greet", "Greet {{input.name}}", model="m", max_tokens=5, temperature=0.5),
        {"id": "judge", "type": "critic", "target_node": "greet", "criteria": ["names {{input.name}}"]},
        tool("tell", "slack_send_message", {"channel": "c", "text": "{{greet}} {{judge.passed}}"}),
        tool("other", "calculator"),
    )
    execution = client.workflows.run(workflow, inputs={"name": "Ada"})
    assert execution.outputs == {
        "greet": "GREET ADA",
        "judge": {"passed": True, "overall_score": 9, "criteria_scores": {"names Ada": 9}},
        "tell": {"sent": "GREET ADA true"},
        "other": {"tool": "calculator", "params": {"expression": "x"}, "result": "[calculator] x"},
    }
    origin: Any = {"execution_id": execution.id, "workflow_id": workflow, "attempt": 1}
    assert calls == [
        LLMCall(node_id="greet", instruction="Greet Ada", model="m", max_tokens=5, temperature=0.5, **origin),
        CriticCall(node_id="judge", target_node="greet", output="GREET ADA", criteria=["names Ada"], **origin),
        ToolCall(
            node_id="tell", tool_name="slack_send_message", params={"channel": "c", "text": "GREET ADA true"}, **origin
        ),
    ]


def test_a_tool_without_its_name_is_an_error(emulator: Emulator) -> None:
    decorator: Any = emulator.tool
    with pytest.raises(TypeError, match=r"write @emulator\.tool\("):
        decorator(str)


def circle() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


@pytest.mark.usefixtures("patient")
@each_row(
    ("output", "reason"),
    [
        *((output, "returned a value that is not JSON") for output in (object(), float("nan"), {1, 2}, circle())),
        ("x" * 2_000_000, "larger than 1048576 bytes"),
    ],
)
def test_an_output_that_cannot_be_kept_fails_the_node(output: Any, reason: str) -> None:
    emulator = Emulator()
    emulator.llm(lambda _: output)
    client = emulator.client()
    execution = client.workflows.execute(create(client, llm("a")))
    assert reason in details(client, execution.id)["error"]


@pytest.mark.usefixtures("patient")
def test_parallel_branches_run_in_parallel(emulator: Emulator, client: Fibonacci) -> None:
    together = threading.Barrier(3, timeout=5)

    @emulator.llm
    def response(call: LLMCall) -> str:
        if call.node_id != "join":
            together.wait()  # passes only if all three run at once
        return call.node_id

    branches = [llm(name) for name in "zxy"]
    workflow = create(client, *branches, llm("join", "{{x}}{{y}}{{z}}"))
    for _ in range(3):
        execution = client.executions.wait(client.workflows.execute(workflow).id)
        assert list(execution.outputs) == ["z", "x", "y", "join"]


def test_a_slow_handler_is_polled_and_blocks_no_request(emulator: Emulator, client: Fibonacci) -> None:
    release = threading.Event()

    @emulator.llm
    def response(_: LLMCall) -> str:
        assert release.wait(10)
        return "at last"

    workflow = create(client, llm("slow"), tool("quick"))
    execution = client.workflows.execute(workflow)
    assert (execution.status, list(execution.outputs), execution.nodes_executed) == ("running", ["quick"], 1)
    for _ in range(50):
        client.workflows.get(workflow)
        assert client.executions.get(execution.id).status == "running"
    release.set()
    wait_until(lambda: client.executions.get(execution.id).succeeded)
    assert client.executions.get(execution.id).outputs["slow"] == "at last"


def test_canceling_drops_what_a_handler_still_returns(emulator: Emulator, client: Fibonacci) -> None:
    release, ended = threading.Event(), threading.Event()

    @emulator.llm
    def response(call: LLMCall) -> str:
        assert call.node_id == "slow", "nothing begins after the cancellation"
        assert release.wait(10)
        ended.set()
        return "too late"

    execution = client.workflows.execute(create(client, tool("first"), llm("slow"), llm("after", "{{slow}}")))
    emulator.clock.advance(2)
    cancelled = client.executions.cancel(execution.id).model_dump()
    assert (cancelled["status"], cancelled["duration_ms"]) == ("cancelled", 2000)
    assert [node["status"] for node in cancelled["nodes"]] == ["completed", "cancelled", "cancelled"]
    release.set()
    assert ended.wait(10)
    wait_until(no_handler_works)
    assert details(client, execution.id).items() >= cancelled.items()


def test_an_outcome_that_cannot_be_stored_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    with Emulator(db=tmp_path / "state.db", time="manual") as emulator:
        client = emulator.client()

        @emulator.llm
        def response(_: LLMCall) -> str:
            assert release.wait(10)
            return "lost"

        execution = client.workflows.execute(create(client, llm("a")))
        with monkeypatch.context() as broken:
            broken.setattr(app_of(emulator).store, "transaction", fail)
            release.set()
            wait_until(no_handler_works)
        assert "could not be stored" in caplog.text
        assert details(client, execution.id)["status"] == "failed"


def fail() -> None:
    raise OSError("the disk is full")
