"""What handlers report to have used is in the trace, from all attempts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import CriticCall, Emulator, InputFileError, LLMCall, ToolCall
from fibonacci.models import NodeTrace
from tests.kit.assertions import each_row

NODES: list[dict[str, Any]] = [
    {"id": "write", "type": "llm", "instruction": "Write", "enable_retry": True, "retry_delay": 0},
    {"id": "send", "type": "tool", "tool": "crm_update", "params": {}},
    {"id": "judge", "type": "critic", "target_node": "write", "criteria": ["tone"], "max_iterations": 1},
]


def reporting() -> Emulator:
    """Return an emulator whose model fails once, and whose critic is content with the second answer."""
    emulator = Emulator()

    @emulator.llm
    async def write(call: LLMCall) -> str:
        call.report_usage(input_tokens=10, cost=0.5)
        if call.attempt == 1 and call.iteration == 1:
            raise RuntimeError("overloaded")
        call.report_usage(output_tokens=3)
        return "text"

    @emulator.tool("crm_update")
    def send(call: ToolCall) -> None:
        assert call.usage is None

    scores = iter([3, 8])

    @emulator.critic
    def judge(call: CriticCall) -> int:
        call.report_usage(input_tokens=1)
        return next(scores)

    return emulator


def run(client: Fibonacci) -> dict[str, NodeTrace]:
    workflow = client.workflows.create(name="Writer", definition={"nodes": NODES})
    execution = client.workflows.run(workflow.id)
    return {node.id: node for node in client.executions.get(execution.id).trace or []}


def check(trace: dict[str, NodeTrace]) -> None:
    assert {name: node.usage for name, node in trace.items()} == {
        "write": {"input_tokens": 30, "output_tokens": 6, "cost": 1.5},  # one attempt failed, one was improved
        "judge": {"input_tokens": 2},
        "send": None,
    }


def test_usage_is_summed_over_attempts_and_iterations_restored_and_replayed(tmp_path: Path) -> None:
    path = tmp_path / "calls.json"
    emulator = reporting()
    with emulator.record(path):
        check(run(emulator.client()))
    other = Emulator()
    other.restore(emulator.snapshot())
    (execution,) = other.client().executions.list()
    check({node.id: node for node in other.client().executions.get(execution.id).trace or []})
    replaying = Emulator()
    with replaying.replay(path):
        check(run(replaying.client()))
    path.write_text(path.read_text("utf-8").replace('"cost": 0.5', '"cost": "0.5"'), "utf-8")
    with pytest.raises(InputFileError, match=r"calls.json:\d+:\d+: calls\[0\]\.usage.*Input should be"):
        Emulator().replay(path)


@each_row(
    ("reported", "error", "message"),
    [
        ({"input_tokens": -1}, ValueError, "input_tokens must be at least 0 and finite, not -1"),
        ({"output_tokens": 1.5}, TypeError, "output_tokens is a whole number, not of type float"),
        ({"input_tokens": True}, TypeError, "input_tokens is a whole number, not of type bool"),
        ({"cost": math.nan}, ValueError, "cost must be at least 0 and finite, not nan"),
        ({"cost": "1"}, TypeError, "cost is a number, not of type str"),
    ],
)
def test_what_is_no_usage_is_refused(reported: dict[str, Any], error: type[Exception], message: str) -> None:
    call = ToolCall(node_id="a", execution_id="e", workflow_id="w", attempt=1, tool_name="t", params={})
    with pytest.raises(error, match=message):
        call.report_usage(**reported)
    assert call.usage is None
