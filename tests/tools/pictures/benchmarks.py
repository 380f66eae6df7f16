"""The charts of docs/contributing/performance.md, drawn from the numbers in its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from tests.tools.benchmarks.performance_page import TableRow, figures
from tests.tools.pictures.charts.bars import BarPanel, bar_chart
from tests.tools.pictures.themes import in_both

CHARTS: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "benchmark-start": ("Importing, and a script with one call", ("import", "cold script")),
    "benchmark-call": ("The client's cost of one call", ("one call", "one call, async")),
    "benchmark-in-flight": (
        "Many calls at a time, async",
        ("10 calls in flight", "100 calls in flight", "1,000 calls in flight", "burst of 1,000 calls"),
    ),
}


def benchmark_charts() -> dict[str, str]:
    """Return the content of each chart by its file name."""
    table = by_measurement()
    drawn: dict[str, str] = {}
    for name, (title, measurements) in CHARTS.items():
        panels = [_panel(measurement, table[measurement]) for measurement in measurements]
        drawn |= in_both(name, partial(bar_chart, title, panels))
    return drawn


def _panel(measurement: str, rows: Sequence[TableRow]) -> BarPanel:
    unit = rows[0].unit
    better = "more" if " per s " in unit else "less"
    bars = [(row.subject, float(row.median.replace(",", "")), row.median) for row in rows]
    return BarPanel(measurement[0].upper() + measurement[1:], f"{unit}; {better} is better", bars)


def by_measurement() -> dict[str, list[TableRow]]:
    """Return the rows of the page's table by what was measured."""
    table: dict[str, list[TableRow]] = {}
    for row in figures():
        table.setdefault(row.measurement, []).append(row)
    return table
