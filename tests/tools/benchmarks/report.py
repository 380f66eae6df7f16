"""The results as tables."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from tests.tools.benchmarks.targets import judged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.tools.benchmarks.figures import FigureRow


def as_markdown(rows: Sequence[FigureRow], versions: Mapping[str, str], command: str) -> str:
    """Return the circumstances, the targets and every figure."""
    lines = [
        f"Made by `{command}` on {datetime.now(UTC):%d %B %Y}: Python {platform.python_version()}, {platform.system()}"
        f" {platform.machine()}, {os.cpu_count()} processors;"
        f" {', '.join(f'{name} {version}' for name, version in versions.items())}.",
        "",
        "### Targets",
        "",
        "| Target | Bound | Measured | |",
        "|---|---|---|---|",
    ]
    for target, figure, met in judged(rows):
        bound = f"at {target.at} {target.bound:g}"
        lines.append(f"| {target.text} | {bound} | {_number(figure)} | {'met' if met else '**not met**'} |")
    lines += [
        "",
        "### Figures",
        "",
        "| Measurement | Subject | Median | Unit | Spread | Ratio | Runs |",
        "|---|---|---|---|---|---|---|",
    ]
    for measurement, group in groupby(rows, lambda row: row.measurement):
        for number, row in enumerate(group):
            spread = "" if row.runs == 1 else f"{row.spread:.0%}"
            ratio = "" if row.ratio is None else _number(row.ratio)
            first = measurement if number == 0 else ""
            lines.append(
                f"| {first} | {row.subject} | {_number(row.median)} | {row.unit} | {spread} | {ratio} | {row.runs} |"
            )
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.01 else f"{value:.4f}"
