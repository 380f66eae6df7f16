"""HTML of models: their fields; an execution's outputs and trace; the diagram of a definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from fibonacci._display.html import display, escaped, name, table, value
from fibonacci._display.trace import trace_table
from fibonacci.models._base import Model
from fibonacci.models.executions import Execution


def model_html(model: Model) -> str:
    """Return the fields of a model that have a value, and what belongs in tables or pictures of its own."""
    fields = {each: content for each, content in model.to_dict().items() if content is not None}
    parts: list[str] = []
    if isinstance(model, Execution):
        fields = {each: fields[each] for each in fields if each not in ("outputs", "trace")}
        if model.outputs:
            parts.append(_fields("Outputs", model.outputs, "Output"))
        if model.trace:
            parts.append(trace_table(model.trace))
    definition = fields.get("definition")
    if isinstance(definition, Mapping):
        parts.append(_diagram(cast("Mapping[str, Any]", definition), model))
    return display(_fields(type(model).__name__, fields), *parts)


def _fields(title: str, fields: Mapping[str, Any], header: str = "Field") -> str:
    rows = [(name(each), value(content)) for each, content in fields.items()]
    return table(f"<strong>{escaped(title)}</strong>", (header, "Value"), rows)


def _diagram(definition: Mapping[str, Any], model: Model) -> str:
    from fibonacci.definitions.diagrams.svg import diagram_html

    picture = diagram_html(definition, execution=model if isinstance(model, Execution) else None)
    return f"<details open><summary>Diagram</summary>{picture}</details>"
