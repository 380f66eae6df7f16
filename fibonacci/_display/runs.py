"""HTML of many runs: how far the rows have come, and the latest results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from fibonacci._display.html import bar_of, code, display, escaped, html_of, json_text, line, table, value
from fibonacci._display.objects import fields_table, object_html
from fibonacci._display.text import counted

_LABELS = {
    "succeeded": "succeeded",
    "failed": "failed",
    "unknown": "unknown",
    "left": "left",
    "from_journal": "of them from the journal",
}
_BRIEF = 100
_HEADERS = ("Key", "Status", "Inputs", "Outputs or error", "Duration")


def runs_html(name: str, workflow_id: str, counts: Mapping[str, int], results: Sequence[Mapping[str, Any]]) -> str:
    """Return how far the rows of a workflow have come. Nothing is run for it.

    Args:
        name: The name of the class; that of an async one begins with `Async`.
        workflow_id: The id of the workflow.
        counts: The numbers of a summary, by name.
        results: The fields of the latest results.
    """
    title = f"<strong>{escaped(name)}</strong> of {code(workflow_id)}"
    is_async = name.startswith("Async")
    loop, frame = ("async for", "await runs.to_pandas()") if is_async else ("for", "runs.to_pandas()")
    if not results:
        how = f"<p>Run the rows by {code(f'{loop} run in runs')} or {code(frame)}.</p>"
        return display(_counts(title, counts), how)
    latest = f"<strong>Latest {counted(len(results), 'result')}</strong>; all of them: {code(frame)}"
    return display(_counts(title, counts), table(latest, _HEADERS, map(_result, results)))


def summary_html(name: str, counts: Mapping[str, int]) -> str:
    """Return the numbers of a summary, each with its share of the rows."""
    return display(_counts(f"<strong>{escaped(name)}</strong>", counts))


def result_html(fields: Mapping[str, Any], error: BaseException | None) -> str:
    """Return the result of a row: its fields, its outputs, and what to do about its error.

    Args:
        fields: Its fields.
        error: Why it has not succeeded.
    """
    failure = html_of(error)
    apart = {"outputs"} if failure is None else {"outputs", "error"}
    own = {name: content for name, content in fields.items() if name not in apart}
    outputs = [fields_table("Outputs", fields["outputs"], "Output")] if fields["outputs"] else []
    return object_html("RunResult", own, *outputs, *([] if failure is None else [failure]))


def _counts(title: str, counts: Mapping[str, int]) -> str:
    total = sum(counts.values()) - counts["from_journal"]
    shown = [(label, counts[name]) for name, label in _LABELS.items() if counts[name] or name != "from_journal"]
    rows = [(label, f"{count:,}", bar_of(count, total) if count else "") for label, count in shown]
    return table(f"{title}: {counted(total, 'row')}", (), rows)


def _result(fields: Mapping[str, Any]) -> Sequence[str]:
    milliseconds = fields["duration_ms"]
    duration = "" if milliseconds is None else line(f"{milliseconds / 1000:.2f} s")
    told = fields["outputs"] if fields["error"] is None else fields["error"]
    return (value(fields["key"]), line(str(fields["status"])), _brief(fields["inputs"]), _brief(told), duration)


def _brief(shown: object) -> str:
    """Return a value, on one line where it is short: a row's inputs and outputs often are."""
    if not isinstance(shown, Mapping):
        return value(shown)
    fields = cast("Mapping[object, object]", shown)
    text = json_text(fields)
    return escaped(text) if len(text) <= _BRIEF else value(fields)
