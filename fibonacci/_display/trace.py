"""HTML of an execution's trace: its nodes with state, duration and a timeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fibonacci._display.html import bar_of, line, name, table, value
from fibonacci._display.protocols import NodeRecord

_HEADERS = ("Node", "State", "Duration", "Timeline", "Output, error or reason")


def trace_table(nodes: Sequence[NodeRecord]) -> str:
    """Return the nodes in the order of their execution."""
    spans = [_span(node) for node in nodes]
    times = [time for span in spans if span is not None for time in span]
    start, total = (min(times), (max(times) - min(times)).total_seconds()) if times else (None, 0.0)
    rows: list[Sequence[str]] = []
    for node, span in zip(nodes, spans, strict=True):
        duration = bar = ""
        if span is not None and start is not None:
            seconds = (span[1] - span[0]).total_seconds()
            duration, bar = f"{seconds:.2f} s", bar_of(seconds, total, before=(span[0] - start).total_seconds())
        told = next((each for each in (node.error, node.reason, node.output) if each is not None), "")
        rows.append((name(node.id), _state(node), duration, bar, value(told)))
    return table("<strong>Nodes</strong>", _HEADERS, rows)


def _state(node: NodeRecord) -> str:
    attempts = node.attempts or 0
    return line(f"{node.status}, {attempts} attempts" if attempts > 1 else str(node.status))


def _span(node: NodeRecord) -> tuple[datetime, datetime] | None:
    """Return the times between which a node was executed, where both are known and can be compared."""
    started, ended = node.started_at, node.ended_at
    if started is None or ended is None or started.tzinfo is None or ended.tzinfo is None:
        return None
    return started, ended
