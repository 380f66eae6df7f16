"""What the builder makes runs on the platform, in both modes."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci.emulator import Emulator, LLMCall, ToolCall
from tests.kit.mode import Mode
from tests.typing import triage_program

TICKET = {"mail": "It burns", "team": "fire", "sender": {"name": "Ada"}, "pause": 0.5}


@pytest.mark.parametrize(("urgency", "answer"), [("high", None), ("low", "Answer Ada in the tone calm")])
def test_a_workflow_as_code_runs(mode: Mode, emulator: Emulator, urgency: str, answer: str | None) -> None:
    @emulator.llm
    def reply(call: LLMCall) -> Any:
        if call.node_id == "classify":
            return {"urgency": urgency, "tone": "calm", "reason": call.instruction}
        return call.instruction

    @emulator.tool("slack_send_message")
    def send(call: ToolCall) -> None:
        assert call.params == {"channel": "#fire", "message": "Classify: It burns"}

    @emulator.tool("wait")
    def wait(call: ToolCall) -> None:
        assert call.params == {"seconds": 0.5}

    client = mode.client_of(emulator)
    created: Any = mode.run(client.workflows.create(name="Triage", definition=triage_program.flow.definition))
    execution: Any = mode.run(client.workflows.run(created.id, inputs=TICKET))
    assert execution.outputs == {"answer": answer, "thanks": answer and "Thank them", "urgent": urgency == "high"}
    traced: Any = mode.run(client.executions.get(execution.id))
    ran = {each.id for each in traced.trace if each.status == "completed"}
    assert ran - {"classify", "urgent"} == (
        {"page"} if urgency == "high" else {"rest", "draft", "judge", "good", "thank"}
    )
