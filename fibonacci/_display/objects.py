"""HTML of objects: their fields; an execution's outputs and trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fibonacci._display.html import display, escaped, name, table, value
from fibonacci._display.protocols import ExecutionRecord
from fibonacci._display.trace import trace_table


def object_html(title: str, fields: Mapping[str, Any], *parts: str) -> str:
    """Return the fields of an object that have a value, and what belongs in tables or pictures of its own."""
    return display(
        fields_table(title, {each: content for each, content in fields.items() if content is not None}), *parts
    )


def execution_html(execution: ExecutionRecord, fields: Mapping[str, Any], *parts: str) -> str:
    """Return an execution: its fields, its outputs, and its nodes."""
    own = {each: content for each, content in fields.items() if each not in ("outputs", "trace")}
    outputs = [fields_table("Outputs", execution.outputs, "Output")] if execution.outputs else []
    nodes = [trace_table(execution.trace)] if execution.trace else []
    return object_html(type(execution).__name__, own, *outputs, *nodes, *parts)


def diagram_part(picture: str) -> str:
    """Return a diagram that can be folded away."""
    return f"<details open><summary>Diagram</summary>{picture}</details>"


def fields_table(title: str, fields: Mapping[str, Any], header: str = "Field") -> str:
    """Return fields as a table.

    Args:
        title: What they belong to.
        fields: The values by name.
        header: What a field is called.
    """
    rows = [(name(each), value(content)) for each, content in fields.items()]
    return table(f"<strong>{escaped(title)}</strong>", (header, "Value"), rows)
