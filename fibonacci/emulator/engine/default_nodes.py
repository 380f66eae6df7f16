"""What stands in for language models, tools and critics: the same answer to the same question, always."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fibonacci.definitions import CriticNode, LLMNode
from fibonacci.definitions.templates import as_text

WAIT: Final = "wait"
"""The tool that takes time: an execution with it stays `running` until its seconds have passed."""

MEMORY_SET: Final = "memory_set"
"""The tool that keeps a value in memory, as `PUT /memory/{key}` does."""

Remember = Callable[[Mapping[str, Any]], None]
"""Keeps a value in memory; raises `NodeError` when its parameters are not what memory takes."""


class NodeError(Exception):
    """A node that fails, with the reason."""


def default_llm_output(node: LLMNode, instruction: str) -> str:
    """Answer a rendered instruction with a text made from it."""
    return f"[{node.model or 'default model'}] {instruction}"


def default_tool_output(tool: str, params: Mapping[str, Any], remember: Remember) -> dict[str, Any]:
    """Echo what a tool was asked; `memory_set` also does it.

    Raises:
        NodeError: When `memory_set` is not told what memory needs.
    """
    if tool == MEMORY_SET:
        remember(params)
    return {"tool": tool, "params": params}


def default_critic_output(node: CriticNode, criteria: Sequence[str]) -> dict[str, Any]:
    """Pass every criterion."""
    return {"passed": True, "target_node": node.target_node, "criteria": dict.fromkeys(criteria, True)}


def seconds_of(tool: str, params: Mapping[str, Any]) -> float:
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


def texts(values: Sequence[Any]) -> list[str]:
    """Write each value out as text."""
    return [as_text(value) for value in values]
