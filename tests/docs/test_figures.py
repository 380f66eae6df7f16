"""The figures on the page of transports are those that the benchmarks wrote into the page of performance."""

from __future__ import annotations

from tests.tools.benchmarks.performance_page import figures
from tests.tools.markdown import ROOT

SHOWN = {
    "CPU of one call, relative to `httpx.Client.get`": "one call",
    "CPU of one call, async, relative to `httpx.AsyncClient.get`": "one call, async",
    "Calls per second of CPU, 10 in flight, async": "10 calls in flight",
    "Calls per second of CPU, 100 in flight, async": "100 calls in flight",
    "Calls per second of CPU, 1,000 in flight, async": "1,000 calls in flight",
    "Calls per second of CPU, a burst of 1,000, async": "burst of 1,000 calls",
}
SUBJECTS = ("fibonacci", "httpx", "httpx2")


def table_rows(page: str) -> list[list[str]]:
    """Return the cells of each row of a page's tables."""
    lines = (ROOT / "docs" / page).read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]


def test_the_figures_of_transports_are_measured() -> None:
    measured = {(row.measurement, row.subject): row.ratio for row in figures()}
    rows = table_rows("explanation/transports.md")
    shown = {cells[0]: [cell.partition(" ")[0] for cell in cells[1:]] for cells in rows}
    expected = {text: [measured[name, subject] for subject in SUBJECTS] for text, name in SHOWN.items()}
    assert {text: shown.get(text) for text in SHOWN} == expected
