"""HTML of models: their fields; an execution's outputs and trace; the diagram of a definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from fibonacci._display.html import escaped, table, value
from fibonacci._display.trace import trace_table

if TYPE_CHECKING:
    from fibonacci.models._base import Model


def model_html(model: Model) -> str:
    """Return the fields of a model that have a value."""
    fields = {name: each for name, each in model.to_dict().items() if each is not None}
    outputs, trace = fields.get("outputs"), fields.get("trace")
    name = type(model).__name__
    if name != "Execution":
        return f"<div>{_fields(name, fields)}</div>"
    fields = {each: fields[each] for each in fields if each not in ("outputs", "trace")}
    parts = [_fields(name, fields)]
    if isinstance(outputs, Mapping) and outputs:
        parts.append(_fields("Outputs", cast("Mapping[str, Any]", outputs), "Output"))
    if isinstance(trace, list) and trace:
        nodes = [node for node in cast("list[object]", trace) if isinstance(node, dict)]
        parts.append(trace_table(cast("list[dict[str, Any]]", nodes)))
    return f"<div>{''.join(parts)}</div>"


def _fields(title: str, fields: Mapping[str, Any], header: str = "Field") -> str:
    rows = [(escaped(name), value(each)) for name, each in fields.items()]
    return table(f"<strong>{escaped(title)}</strong>", (header, "Value"), rows)
