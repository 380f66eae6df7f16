"""Values that are allowed, and probably not meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.checks.nodes_by_index import NodesByIndex
from fibonacci.definitions.problems import Problem

_OUTPUT_FORMATS: Final = ("text", "json")


def suspicious_values(nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the values of single keys that are probably not meant."""
    types = {node["id"]: node.get("type") for node in nodes.values()}
    for index, node in nodes.items():
        if node.get("type") == "llm":
            yield from _of_llm(node, f"nodes[{index}].")
        target = node.get("target_node")
        target_type = types.get(target) if isinstance(target, str) else None
        if node.get("type") == "critic" and target_type in ("tool", "conditional", "critic"):
            again = "the tool is called again" if target_type == "tool" else "it runs again"
            message = (
                f"{target!r} is a node of type {target_type}, which no prompt improves: {again} each time that it does "
                "not pass; assess an llm node"
            )
            yield problem(f"nodes[{index}].target_node", "critic_of_no_answer", message)


def _of_llm(node: Mapping[str, Any], prefix: str) -> Iterator[Problem]:
    temperature = node.get("temperature")
    if isinstance(temperature, int | float) and 1 < temperature <= 2:
        message = f"{temperature} is above 1, the largest of the newer documentation; use 1 or less"
        yield problem(f"{prefix}temperature", "high_temperature", message)
    output_format = node.get("output_format")
    if isinstance(output_format, str) and output_format not in _OUTPUT_FORMATS:
        near = did_you_mean(output_format.lower(), _OUTPUT_FORMATS)
        message = f"{output_format!r} is not a documented format; use {' or '.join(_OUTPUT_FORMATS)}{near}"
        yield problem(f"{prefix}output_format", "unknown_output_format", message)
    for key in ("instruction", "prompt"):
        text = node.get(key)
        if isinstance(text, str) and not text.strip():
            yield problem(prefix + key, "empty_instruction", "the model is asked nothing; write an instruction")
