"""The figures that the benchmarks have written into docs/contributing/performance.md."""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.tools.benchmarks.report import SECTION
from tests.tools.markdown import ROOT

PAGE: Final = ROOT / "docs" / "contributing" / "performance.md"
_CELLS: Final = 7


class TableRow(NamedTuple):
    """One row of the table of figures; numbers are as the page has them.

    Attributes:
        measurement: What was measured; a row without one has that above it.
        subject: Of which client.
        median: The median.
        unit: Its unit.
        ratio: The ratio to the subject that the others are compared with; empty if there is none.
    """

    measurement: str
    subject: str
    median: str
    unit: str
    ratio: str


def figures() -> list[TableRow]:
    """Return the rows of the table."""
    rows: list[TableRow] = []
    for line in SECTION.read(PAGE).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == _CELLS and cells[2][:1].isdigit():
            measurement, subject, median, unit, _, ratio, _ = cells
            rows.append(TableRow(measurement or rows[-1].measurement, subject, median, unit, ratio))
    return rows
