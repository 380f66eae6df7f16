"""HTML of objects, lists, runs and their traces, and errors in notebooks.

Whatever comes from the platform passes through `escaped`. Styles are in attributes, because notebooks remove style
sheets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from datetime import datetime
from html import escape
from inspect import getdoc
from typing import TYPE_CHECKING, Any, cast

from fibonacci._display.text import LONG, cut
from fibonacci._texts.text import counted, printable

if TYPE_CHECKING:
    from fibonacci.models import Execution, NodeTrace

_HEADER = (
    "text-align:left;vertical-align:top;border-bottom:1px solid color-mix(in srgb, currentColor 20%, transparent);"
    "white-space:pre"
)
_CELL = f"{_HEADER}-wrap;overflow-wrap:anywhere"
_NESTED = 4 * LONG
_NAME = 60
_SHORT = 32


def escaped(text: object) -> str:
    """Return any text as HTML that shows it."""
    return escape(printable(str(text)))


def line(text: str) -> str:
    """Return a short text that doesn't wrap in a narrow table."""
    return f'<span style="white-space:pre">{escaped(text)}</span>'


def name(text: object) -> str:
    """Return the name of a row as HTML."""
    return escaped(cut(str(text), _NAME))


def faint(text: str) -> str:
    """Return a text that is less prominent than its surroundings."""
    return f'<span style="opacity:.65">{escaped(text)}</span>'


def code(text: str) -> str:
    """Return a piece of code."""
    return f"<code>{escaped(text)}</code>"


def value(shown: object) -> str:
    """Return a value of a field: objects and lists can be opened, long texts are cut."""
    if shown is None:
        return faint("None")
    if isinstance(shown, datetime):
        shown = shown.isoformat(" ", "seconds")
    if isinstance(shown, str):
        return line(shown) if len(shown) <= _SHORT else escaped(cut(shown))
    if isinstance(shown, Mapping | list):
        noun = "field" if isinstance(shown, Mapping) else "item"
        members = cast("Sized", shown)
        return _nested(counted(len(members), noun), members) if members else faint(f"no {noun}s")
    return escaped(cut(str(shown)))


def _nested(title: str, shown: object) -> str:
    """Return a title that opens to a value as JSON."""
    text = cut(json_text(shown, indent=2), _NESTED)
    summary = f'<summary style="white-space:nowrap">{escaped(title)}</summary>'
    return f'<details>{summary}<pre style="margin:0">{escaped(text)}</pre></details>'


def json_text(shown: object, indent: int | None = None) -> str:
    """Return a value as JSON, or its `repr` if it has no JSON form, as in a row that was not sent."""
    try:
        return json.dumps(shown, indent=indent, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return str(shown)


def html_of(shown: object) -> str | None:
    """Return an object's HTML for notebooks, or None if it has none."""
    display_hook: Callable[[], str] | None = getattr(shown, "_repr_html_", None)
    return None if display_hook is None else display_hook()


def table(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        title: What is in it, as HTML.
        headers: The names of the columns, as texts. Empty where the names of the rows suffice.
        rows: The cells of each row, as HTML. The first is the row's header.
    """
    names = "".join(f'<th scope="col" style="{_HEADER}">{escaped(cut(header, _NAME))}</th>' for header in headers)
    head = f"<thead><tr>{names}</tr></thead>" if names else ""
    body = "".join(f"<tr>{_row(cells)}</tr>" for cells in rows)
    return f'<table><caption style="text-align:left">{title}</caption>{head}<tbody>{body}</tbody></table>'


def bar_of(share: float, total: float, before: float = 0.0) -> str:
    """Return a bar that shows a share of a total.

    Args:
        share: The share.
        total: The total.
        before: How much of the total comes before the share.
    """
    left, width = (100 * seconds / total if total else 0.0 for seconds in (before, share))
    bar = f"margin-left:{left:.1f}%;width:{width:.1f}%;min-width:2px;height:.7em;background:currentColor;opacity:.5"
    return f'<div style="width:10em"><div style="{bar}"></div></div>'


def display(*parts: str) -> str:
    """Join parts into one element, which scrolls if the page is too narrow."""
    return f'<div style="overflow-x:auto">{"".join(parts)}</div>'


def _row(cells: Sequence[str]) -> str:
    header, *others = cells
    first = f'<th scope="row" style="{_HEADER}">{header}</th>'
    return first + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in others)


ROWS = 20
"""How many items of a page are shown."""

_COLUMNS = 8


def pager_html(name: str, call: str, page: object) -> str:
    """Return what is known about a pager.

    Args:
        name: The name of its class. That of an async one begins with `Async`.
        call: Its request, such as `GET /workflows`.
        page: Its first page, or None if it hasn't been fetched yet.
    """
    title = f"<strong>{escaped(name)}</strong> {code(call)}"
    is_async = name.startswith("Async")
    loop, frame = ("async for", "await pager.to_pandas()") if is_async else ("for", "pager.to_pandas()")
    how = f"<p>Read all items with {code(f'{loop} item in pager')} or {code(frame)}.</p>"
    first = html_of(page)
    if first is None:
        return display(f"<p>{title}: nothing has been fetched yet.</p>", how)
    return display(f"<p>{title}: the first page, fetched by {code('first()')}.</p>", first, how)


def page_html(rows: Sequence[Mapping[str, Any]], count: int, *, has_more: bool) -> str:
    """Return the first items of a page as rows.

    Args:
        rows: The fields of its first `ROWS` items.
        count: The number of its items.
        has_more: Whether another page follows.
    """
    # Notebooks are narrow, so a column that is empty in all rows is left out.
    names = list(dict.fromkeys(name for row in rows for name, content in row.items() if content not in (None, {}, [])))
    columns = names[:_COLUMNS]
    title = f"<strong>Page</strong> of {counted(count, 'item')}"
    if count > len(rows):
        title += f", the first {len(rows)}"
    if len(names) > len(columns):
        title += f"; {counted(len(names) - len(columns), 'column')} not shown"
    title += ", more pages follow" if has_more else ""
    if not rows:
        return display(f"<p>{title}</p>")
    cells = ([str(number), *(value(row.get(name)) for name in columns)] for number, row in enumerate(rows))
    return display(table(title, ["#", *columns], cells))


_TRACE_HEADERS = ("Node", "State", "Duration", "Timeline", "Output, error or reason")


def trace_table(nodes: Sequence[NodeTrace]) -> str:
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
        message = next((content for content in (node.error, node.reason, node.output) if content is not None), "")
        rows.append((name(node.id), _state(node), duration, bar, value(message)))
    return table("<strong>Nodes</strong>", _TRACE_HEADERS, rows)


def _state(node: NodeTrace) -> str:
    attempts = node.attempts or 0
    return line(f"{node.status}, {attempts} attempts" if attempts > 1 else str(node.status))


def _span(node: NodeTrace) -> tuple[datetime, datetime] | None:
    """Return when a node started and ended, or None unless both are known and comparable."""
    started, ended = node.started_at, node.ended_at
    if started is None or ended is None or started.tzinfo is None or ended.tzinfo is None:
        return None
    return started, ended


def object_html(title: str, fields: Mapping[str, Any], *parts: str) -> str:
    """Return the fields of an object that have a value, and the parts that go into separate tables or pictures."""
    return display(
        fields_table(title, {key: content for key, content in fields.items() if content is not None}), *parts
    )


def execution_html(execution: Execution, fields: Mapping[str, Any], *parts: str) -> str:
    """Return an execution: its fields, its outputs, and its nodes."""
    own = {key: content for key, content in fields.items() if key not in ("outputs", "trace")}
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
    rows = [(name(key), value(content)) for key, content in fields.items()]
    return table(f"<strong>{escaped(title)}</strong>", (header, "Value"), rows)


_LABELS = {
    "succeeded": "succeeded",
    "failed": "failed",
    "unknown": "unknown",
    "left": "left",
    "from_journal": "of them from the journal",
}
_BRIEF = 100
_RUN_HEADERS = ("Key", "Status", "Inputs", "Outputs or error", "Duration")


def runs_html(name: str, workflow_id: str, counts: Mapping[str, int], results: Sequence[Mapping[str, Any]]) -> str:
    """Return how far the rows of a workflow have come. This doesn't run anything.

    Args:
        name: The name of the class. That of an async one begins with `Async`.
        workflow_id: The ID of the workflow.
        counts: The numbers of a summary, by name.
        results: The fields of the latest results.
    """
    title = f"<strong>{escaped(name)}</strong> of {code(workflow_id)}"
    is_async = name.startswith("Async")
    loop, frame = ("async for", "await runs.to_pandas()") if is_async else ("for", "runs.to_pandas()")
    if not results:
        how = f"<p>Run the rows with {code(f'{loop} run in runs')} or {code(frame)}.</p>"
        return display(_counts(title, counts), how)
    latest = f"<strong>Latest {counted(len(results), 'result')}</strong>. All of them: {code(frame)}"
    return display(_counts(title, counts), table(latest, _RUN_HEADERS, map(_result, results)))


def summary_html(name: str, counts: Mapping[str, Any]) -> str:
    """Return the numbers of a summary, each with its share of the rows."""
    return display(_counts(f"<strong>{escaped(name)}</strong>", counts))


def result_html(fields: Mapping[str, Any], error: BaseException | None) -> str:
    """Return the result of a row: its fields, its outputs, and what to do about its error.

    Args:
        fields: Its fields.
        error: Why it didn't succeed.
    """
    failure = html_of(error)
    apart = {"outputs"} if failure is None else {"outputs", "error"}
    own = {name: content for name, content in fields.items() if name not in apart}
    outputs = [fields_table("Outputs", fields["outputs"], "Output")] if fields["outputs"] else []
    return object_html("RunResult", own, *outputs, *([] if failure is None else [failure]))


def _counts(title: str, counts: Mapping[str, Any]) -> str:
    total = sum(counts[name] for name in _LABELS if name != "from_journal")
    shown = [(label, counts[name]) for name, label in _LABELS.items() if counts[name] or name != "from_journal"]
    rows = [(label, f"{count:,}", bar_of(count, total) if count else "") for label, count in shown]
    return table(f"{title}: {counted(total, 'row')}", (), rows)


def _result(fields: Mapping[str, Any]) -> Sequence[str]:
    milliseconds = fields["duration_ms"]
    duration = "" if milliseconds is None else line(f"{milliseconds / 1000:.2f} s")
    message = fields["outputs"] if fields["error"] is None else fields["error"]
    return (value(fields["key"]), line(str(fields["status"])), _brief(fields["inputs"]), _brief(message), duration)


def _brief(shown: object) -> str:
    """Return a value, on one line if it is short, as a row's inputs and outputs often are."""
    if not isinstance(shown, Mapping):
        return value(shown)
    fields = cast("Mapping[object, object]", shown)
    text = json_text(fields)
    return escaped(text) if len(text) <= _BRIEF else value(fields)


def error_html(error: BaseException) -> str:
    """Return an error as a table, with the execution that it is about."""
    rows = [("What happened", escaped(str(error)))]
    rows += [("Note", escaped(str(note))) for note in getattr(error, "__notes__", ())]
    if error.__cause__ is not None:
        rows.append(("Cause", escaped(f"{type(error.__cause__).__name__}: {error.__cause__}")))
    body: object = getattr(error, "body", None)
    if body:
        rows.append(("Body", value(body)))
    meaning = (getdoc(type(error)) or "").partition("\n\n")[0]
    rows.append(("What it means", re.sub("`([^`\n]+)`", r"<code>\1</code>", escaped(meaning))))
    execution = html_of(getattr(error, "execution", None)) or ""
    return display(table(f"<strong>{escaped(type(error).__name__)}</strong>", (), rows), execution)
