"""HTML of many runs: how far the rows have come, and the latest results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fibonacci._display.html import bar_of, code, display, escaped, html_of, line, table, value
from fibonacci._display.objects import fields_table, object_html
from fibonacci._display.text import counted

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
    if results:
        latest = f"<strong>Latest results</strong>: {counted(len(results), 'row')}"
        return display(_counts(title, counts), table(latest, _HEADERS, map(_result, results)))
    loop, frame = (
        ("async for run in runs", "await runs.to_pandas()")
        if name.startswith("Async")
        else ("for run in runs", "runs.to_pandas()")
    )
    how = f"<p>No row has a result here yet. Run the rows by {code(loop)} or {code(frame)}.</p>"
    return display(_counts(title, counts), how)


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
    # Those of the journal are among the others.
    total = sum(count for name, count in counts.items() if name != "from_journal")
    rows = [
        (escaped(name.replace("_", " ")), f"{count:,}", bar_of(count, total) if count else "")
        for name, count in counts.items()
    ]
    return table(f"{title}: {counted(total, 'row')}", (), rows)


def _result(fields: Mapping[str, Any]) -> Sequence[str]:
    milliseconds = fields["duration_ms"]
    duration = "" if milliseconds is None else line(f"{milliseconds / 1000:.2f} s")
    told = fields["outputs"] if fields["error"] is None else fields["error"]
    return (value(fields["key"]), line(str(fields["status"])), value(fields["inputs"]), value(told), duration)
