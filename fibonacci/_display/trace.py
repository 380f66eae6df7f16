"""HTML of an execution's trace: its nodes with state, duration and a timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fibonacci._display.html import escaped, table, value
from fibonacci._display.text import cut

_HEADERS = ("Node", "State", "Duration", "Timeline", "Error or reason", "Output")


def trace_table(nodes: Sequence[Mapping[str, Any]]) -> str:
    """Return the nodes in the order of their execution."""
    spans = [_span(node) for node in nodes]
    times = [time for span in spans if span is not None for time in span]
    start, end = (min(times), max(times)) if times else (None, None)
    total = (end - start).total_seconds() if start is not None and end is not None else 0.0
    rows: list[Sequence[str]] = []
    for node, span in zip(nodes, spans, strict=True):
        bar = "" if span is None or start is None else _bar((span[0] - start).total_seconds(), _seconds(span), total)
        duration = "" if span is None else f"{_seconds(span):.2f} s"
        note = node.get("error") or node.get("reason") or ""
        rows.append((escaped(node.get("id")), _state(node), duration, bar, _note(note), value(node.get("output"))))
    return table("<strong>Nodes</strong>", _HEADERS, rows)


def _state(node: Mapping[str, Any]) -> str:
    attempts = node.get("attempts")
    state = escaped(node.get("status"))
    return f"{state}, {attempts} attempts" if isinstance(attempts, int) and attempts > 1 else state


def _note(note: object) -> str:
    return escaped(cut(note)) if isinstance(note, str) else value(note)


def _span(node: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    from fibonacci.models._base import parse_time

    ends = (node.get("started_at"), node.get("ended_at"))
    started, ended = (each if isinstance(each, datetime) else parse_time(each) for each in ends)
    return (started, ended) if started is not None and ended is not None else None


def _seconds(span: tuple[datetime, datetime]) -> float:
    return (span[1] - span[0]).total_seconds()


def _bar(before: float, seconds: float, total: float) -> str:
    """Return a bar that begins and ends where the node did in the time of the execution."""
    left, width = (100 * each / total if total else 0.0 for each in (before, seconds))
    bar = f"margin-left:{left:.1f}%;width:{width:.1f}%;min-width:2px;height:.7em;background:currentColor;opacity:.5"
    return f'<div style="width:10em"><div style="{bar}"></div></div>'
