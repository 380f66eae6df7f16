"""Nodes of definitions, as plain JSON."""

from __future__ import annotations

from typing import Any

from fibonacci.emulator.engine.tool_catalog import missing_parameters


def llm(node_id: str, instruction: str = "do", **more: Any) -> dict[str, Any]:
    """Return the node of a model."""
    return {"id": node_id, "type": "llm", "instruction": instruction, **more}


def tool(node_id: str, name: str = "calculator", params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a tool's node; required parameters that are not given are "x"."""
    given = {**dict.fromkeys(missing_parameters(name, params or {}), "x"), **(params or {})}
    return {"id": node_id, "type": "tool", "tool": name, "params": given, **more}
