"""What the tests of cassettes share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fibonacci import Fibonacci
from fibonacci.emulator import CriticCall, Emulator, LLMCall, ToolCall
from tests.emulator.handling import create, node_of


def counting(emulator: Emulator) -> list[str]:
    """Register handlers that answer with the number of the call; return what they are asked."""
    asked: list[str] = []

    @emulator.llm
    async def reply(call: LLMCall) -> str:
        asked.append(call.instruction)
        return f"answer {len(asked)}"

    @emulator.critic
    def judge(call: CriticCall) -> int:
        asked.append(f"judge {call.output}")
        return 9

    @emulator.tool("gmail.send")
    def send(call: ToolCall) -> dict[str, Any]:
        asked.append(f"send {call.params['to']}")
        return {"sent": len(asked)}

    return asked


def stored(path: Path) -> list[dict[str, Any]]:
    content = json.loads(path.read_text("utf-8"))
    assert content["format"] == 1
    return list(content["calls"])


def run(client: Fibonacci, *nodes: dict[str, Any], inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    return client.workflows.run(create(client, *nodes), inputs=inputs or {}, timeout=20).outputs


def failure(client: Fibonacci, *nodes: dict[str, Any]) -> str:
    started = client.workflows.execute(create(client, *nodes))
    execution = client.executions.wait(started.id, timeout=20)
    return str(node_of(execution.model_dump(), nodes[0]["id"])["error"])
