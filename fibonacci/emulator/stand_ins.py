"""What stands in for language models, tools and critics: the same answer to the same question, always."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.definitions import CriticNode, LLMNode
from fibonacci.definitions.templates import as_text

WAIT: Final = "wait"
"""The tool that takes time: an execution with it stays `running` until its seconds have passed."""


class NodeError(Exception):
    """A node that fails, with the reason."""


def llm_answer(node: LLMNode, instruction: Any) -> str:
    """Answer a rendered instruction with a text made from it."""
    return f"[{node.model or 'default model'}] {as_text(instruction)}"


def tool_result(tool: str, params: dict[str, Any]) -> dict[str, Any]:
    """Echo what a tool was asked."""
    return {"tool": tool, "params": params}


def critic_verdict(node: CriticNode, criteria: list[Any]) -> dict[str, Any]:
    """Pass every criterion."""
    return {"passed": True, "target_node": node.target_node, "criteria": {as_text(name): True for name in criteria}}


def seconds_of(tool: str, params: dict[str, Any]) -> float:
    """Return how long a tool takes, in seconds of the emulator's clock.

    Raises:
        NodeError: When `wait` is not told a number of seconds.
    """
    if tool != WAIT:
        return 0.0
    seconds = params.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 1e9:
        raise NodeError("the tool wait needs seconds: a number from 0 to 1,000,000,000")
    return float(seconds)
