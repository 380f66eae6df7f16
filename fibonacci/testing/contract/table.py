"""The results as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fibonacci.testing.contract.runner import Result

_HEAD = ("endpoint", "expected", "basis", "result")


def table(results: Iterable[Result]) -> str:
    """Format a row for each result, the requests and responses of the disagreements, and a line with the counts.

    Args:
        results: The results.

    Returns:
        The table, without a newline at its end.
    """
    shown = list(results)
    rows = [_HEAD, *map(_row, shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[3]]) for row in rows]
    details = [line for result in shown if result.outcome == "disagrees" for line in _details(result)]
    return "\n".join([*lines, "", *details, _count(shown)])


def _details(result: Result) -> list[str]:
    """Return what a disagreement is about: the fact, what was found, and the exchanges that show it."""
    check = result.check
    lines = [f"{check.name}: {check.endpoint}: {check.expected} ({check.basis})", f"  {result.why}"]
    return [*lines, *(f"  {line}" for line in result.transcript), ""]


def _row(result: Result) -> tuple[str, str, str, str]:
    outcome = {"agrees": "agrees", "disagrees": "DISAGREES: ", "skipped": "skipped: ", "absent": "not in this API: "}[
        result.outcome
    ]
    return result.check.endpoint, result.check.expected, result.check.basis, " ".join((outcome + result.why).split())


def _count(results: list[Result]) -> str:
    counts = Counter(result.outcome for result in results)
    bases = Counter(result.check.basis for result in results if result.outcome == "disagrees")
    of = f" ({bases['documented']} documented, {bases['choice']} choices)" if bases else ""
    agree, disagree, skipped = (counts[outcome] for outcome in ("agrees", "disagrees", "skipped"))
    absent = f", {counts['absent']} not in this API" if counts["absent"] else ""
    return f"{len(results)} checks: {agree} agree, {disagree} disagree{of}, {skipped} skipped{absent}"
