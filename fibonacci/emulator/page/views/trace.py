"""The trace of a run: a line of time and the details of each node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from fibonacci.emulator.page.components import NOTHING, duration, facts, json_block, moment, state, with_query
from fibonacci.emulator.page.context import ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.page.icons import icon

_SHOWN: Final = 50
"""How many nodes are on one page."""


class _TimeSpan(NamedTuple):
    begin: float
    seconds: float


def trace(context: ViewContext, run: Any) -> Content:
    """Return the trace of a run, its nodes in order."""
    nodes = run["trace"]
    if not nodes:
        return h.p("No node has started.", class_="note")
    whole = _TimeSpan(_seconds(run["created_at"]) or 0.0, max(run["duration_ms"] / 1_000, 0.001))
    first = context.query.integer("from", default=0, lowest=0, highest=10**9)
    shown = [(number, nodes[number]) for number in range(first, min(first + _SHOWN, len(nodes)))]
    return [*(_node(context, number, node, whole) for number, node in shown), _pager(context, first, len(nodes))]


def _pager(context: ViewContext, first: int, count: int) -> Content:
    if count <= _SHOWN:
        return None
    links = [
        h.a(
            f"{begin + 1} to {min(begin + _SHOWN, count)}",
            href=f"{with_query(context, **{'from': begin, 'full': None})}#trace",
            aria_current="true" if begin == first else None,
        )
        for begin in range(0, count, _SHOWN)
    ]
    return h.nav("Nodes ", links, class_="pager", aria_label="Nodes")


def _node(context: ViewContext, number: int, node: Any, whole: _TimeSpan) -> HTMLElement:
    span = _span(node, whole)
    took = duration(span.seconds * 1_000) if span is not None and node["status"] != "skipped" else NOTHING
    is_open = node["status"] == "failed" or (context.full or "").endswith(f"-of-{number}")
    return h.details(
        h.summary(
            state(node["status"]),
            h.span(
                h.strong(node["id"]),
                " ",
                h.span(node["type"], class_="soft"),
                [" ", h.span(icon("triangle"), _count(node["warnings"]), class_="caution")]
                if node["warnings"]
                else None,
                class_="node",
            ),
            _bar(span, whole, node["status"]),
            h.span(took, class_="number"),
        ),
        _details(context, number, node),
        class_="trace",
        id=f"node-{number}",
        open=is_open,
    )


def _count(warnings: Sequence[str]) -> str:
    return f"{len(warnings)} warning{'s' * (len(warnings) != 1)}"


def _details(context: ViewContext, number: int, node: Any) -> HTMLElement:
    values = [
        json_block(f"{name}-of-{number}", name.capitalize(), node[name], context)
        for name in ("input", "output", "error")
        if node[name] is not None
    ]
    return h.div(
        facts(
            ("Started", moment(node["started_at"], exact=True) if node["started_at"] else None),
            ("Ended", moment(node["ended_at"], exact=True) if node["ended_at"] else None),
            ("Attempts", node["attempts"] or None),
            *_usage(node["usage"] or {}),
            ("Skipped because", node["reason"]),
        ),
        [h.p(h.strong("Warning: "), warning, class_="flash warning") for warning in node["warnings"]],
        values,
        class_="details",
    )


def _usage(usage: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name.replace("_", " ").capitalize(), f"{value:,}") for name, value in usage.items()]


def _bar(span: _TimeSpan | None, whole: _TimeSpan, status: str) -> HTMLElement:
    """Return the time of a node within that of the run, as a picture: the duration beside it says it in words."""
    bar: Content = None
    if span is not None and status != "skipped":
        left = min(max(span.begin - whole.begin, 0) / whole.seconds, 0.99)
        width = max(min(span.seconds / whole.seconds, 1 - left), 0.01)
        bar = h.rect(x=f"{left:.2%}", y=0, width=f"{width:.2%}", height="100%", rx=2, class_=f"bar {status}")
    return h.svg(bar, class_="timeline", aria_hidden="true", focusable="false")


def _span(node: Any, whole: _TimeSpan) -> _TimeSpan | None:
    began = _seconds(node["started_at"])
    if began is None:
        return None
    ended = _seconds(node["ended_at"])
    return _TimeSpan(began, max((whole.begin + whole.seconds if ended is None else ended) - began, 0.0))


def _seconds(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
