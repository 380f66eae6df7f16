"""Default nodes: what language models, tools and critics do without a user handler. Equal inputs, equal outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fibonacci.definitions import LLMNode
from fibonacci.definitions.json_schema import first_fault
from fibonacci.definitions.templates import as_text
from fibonacci.definitions.tools import MEMORY_SET, canonical_tool
from fibonacci.emulator.engine.json_samples import sample

WAIT: Final = "wait"
"""The tool that takes time: its execution is `running` until its seconds have passed."""

SetMemory = Callable[[Mapping[str, Any]], None]
"""Stores a value in memory; raises `NodeError` if the parameters are not valid."""


class NodeError(Exception):
    """A node fails; the message is the reason."""


def cannot_run(node_type: str) -> str:
    """Return why a node of a type that is not known fails."""
    return f"the emulator cannot run nodes of type {node_type!r}: this version of the SDK does not know it"


def default_llm_output(node: LLMNode, instruction: str) -> Any:
    """Return a text made from the model and the rendered instruction, or JSON that fits the schema of the node.

    Raises:
        NodeError: If no simple value fits the schema.
    """
    text = f"[{node.model or 'default model'}] {instruction}"
    if node.output_schema is None:
        return {"answer": text} if node.output_format == "json" else text
    value = sample(node.output_schema, text)
    fault = first_fault(node.output_schema, value, "answer")
    if fault is not None:
        remedy = "give the schema examples, or use a function of your own: @emulator.llm"
        raise NodeError(f"the emulator finds no value that fits output_schema ({fault}): {remedy}")
    return value


def default_tool_output(tool: str, params: Mapping[str, Any], set_memory: SetMemory) -> dict[str, Any]:
    """Return the call of a tool; `memory_set` also stores its value.

    Raises:
        NodeError: If the parameters of `memory_set` are not valid.
    """
    if canonical_tool(tool) == MEMORY_SET:
        set_memory(params)
    return {"tool": tool, "params": params}


def default_critic_output(criteria: Sequence[str]) -> dict[str, Any]:
    """Return a verdict that passes every criterion."""
    return {"passed": True, "overall_score": 10, "criteria_scores": dict.fromkeys(criteria, 10)}


def seconds_of(tool: str, params: Mapping[str, Any]) -> float:
    """Return the duration of a tool in seconds of the emulator's clock.

    Raises:
        NodeError: If `wait` has no valid number of seconds.
    """
    if canonical_tool(tool) != WAIT:
        return 0.0
    seconds = params.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 1e9:
        raise NodeError("the tool wait needs seconds: a number from 0 to 1,000,000,000")
    return float(seconds)


def texts(values: Sequence[Any]) -> list[str]:
    """Return each value as text."""
    return [as_text(value) for value in values]
