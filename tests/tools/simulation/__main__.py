"""Simulate workers and batches, and write the tables and charts of docs/contributing/many-rows-measured.md.

python -m tests.tools.simulation             print the tables
python -m tests.tools.simulation --short     up to 100 workers, and no batches

`--write docs/contributing/many-rows-measured.md` writes them into the page, and the charts into docs/images.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.tools.page_sections import PageSection
from tests.tools.pictures.charts.lines import Axis, ChartLine, LineChart
from tests.tools.pictures.themes import in_both
from tests.tools.simulation.batches import Batch, measure_batch
from tests.tools.simulation.comparisons import concurrencies, jobs, table
from tests.tools.simulation.scenarios import Scenario, ScenarioFigures, measure

SECTIONS = tuple(
    PageSection(f"simulated {name}") for name in ("workers", "circumstances", "batches", "concurrencies", "jobs")
)
_OUTAGE = (60.0, 120.0)
_INTERVAL = 5.0
Charts = dict[str, str]


def workers(counts: Sequence[int]) -> tuple[str, Charts]:
    """Compare the client with the usual habit, for more and more workers."""
    rows: list[list[str]] = []
    wasted: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for count in counts:
        cells = [f"{count:,}"]
        for has_gate in (True, False):
            figures = measure(Scenario(count, has_gate=has_gate, seconds=180.0))
            wasted[has_gate].append((count, len(figures.refused)))
            cells += _cells(figures)
        rows.append(cells)
    header = ["Workers", "Used", "Refused", "Used, by habit", "Refused, by habit"]
    lines = [ChartLine("fibonacci", wasted[True]), ChartLine("by habit", wasted[False])]
    y = Axis("refused requests in 3 minutes", [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000], is_logarithmic=True)
    chart = LineChart("Refused requests by workers", Axis("workers", counts, is_logarithmic=True), y, lines)
    return table(header, rows), in_both("scale-refused", chart.draw)


def circumstances(count: int) -> str:
    """Compare clocks and other users of the key."""
    cases = {
        "Alone, clocks agree": Scenario(count),
        "Clock 30 s ahead": Scenario(count, skew=30.0),
        "Clock 30 s behind": Scenario(count, skew=-30.0),
        "Others send 30 requests a minute": Scenario(count, outsiders=30.0),
        "The same, by habit": Scenario(count, outsiders=30.0, has_gate=False),
    }
    rows = [[name, *_cells(measure(scenario))] for name, scenario in cases.items()]
    return table([f"{count:,} workers, 10 minutes", "Used", "Refused"], rows)


def batches() -> tuple[str, Charts]:
    """Simulate an outage of a minute, and a quota of executions at a time."""
    outage = measure_batch(Batch(8_000, 20.0, concurrency=1_000, limit=4_000, outage=_OUTAGE))
    skewed = measure_batch(Batch(400, 10.0, quota=20, limit=300, skew=30.0))
    bound = measure_batch(Batch(400, 10.0, quota=20, limit=300))
    habit = measure(Scenario(1_000, has_gate=False, limit=4_000, seconds=240.0, outage=_OUTAGE))
    rows = [
        [
            "`run_many`, 1,000 at a time, outage of 60 s",
            f"{outage.done:,} of 8,000 rows done, rows are started again {outage.back_after:.1f} s after its end",
            str(outage.refused),
            str(len(outage.failed)),
        ],
        [
            "1,000 workers by habit, the same outage",
            f"served again {habit.back_after:.1f} s after its end",
            f"{len(habit.refused):,}",
            f"{len(habit.failed):,}",
        ],
        [
            "`run_many`, quota of 20 at a time, runs of 10 s",
            f"{bound.capacity:.1%} of the capacity",
            str(bound.refused),
            str(len(bound.failed)),
        ],
        [
            "The same, clock 30 s ahead",
            f"{skewed.capacity:.1%} of the capacity",
            str(skewed.refused),
            str(len(skewed.failed)),
        ],
    ]
    begins = [begin * _INTERVAL for begin in range(int(240 / _INTERVAL))]
    started = [(at, float(sum(at <= each < at + _INTERVAL for each in outage.starts))) for at in begins]
    failed = [(at, float(sum(at <= each < at + _INTERVAL for each in outage.failed))) for at in begins]
    chart = LineChart(
        "Rows started and requests failed in an outage",
        Axis("seconds", [0, 30, 60, 90, 120, 150, 180, 210, 240]),
        Axis("in 5 seconds", [1, 10, 100, 1_000, 10_000], is_logarithmic=True),
        [ChartLine("rows started", started), ChartLine("requests that failed", failed)],
        shaded=(*_OUTAGE, "outage"),
    )
    header = ["Batch", "Throughput", "Refused", "Failed requests"]
    return table(header, rows), in_both("scale-outage", chart.draw)


def _cells(figures: ScenarioFigures) -> list[str]:
    return [f"{figures.share(60.0):.1%}", f"{len(figures.refused):,}"]


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Simulate workers and batches.")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    workers_table, charts = workers([1, 10, 100] if options.short else [1, 10, 100, 1_000, 10_000])
    tables = [workers_table, circumstances(10 if options.short else 1_000)]
    if not options.short:
        batch_table, batch_charts = batches()
        tables += [batch_table, concurrencies(), jobs()]
        charts |= batch_charts
    print(*tables, sep="\n\n")
    if options.write is not None and not options.short:
        for section, text in zip(SECTIONS, tables, strict=True):
            section.write(options.write, f"\n{text}\n\n")
        for name, svg in charts.items():
            options.write.parents[1].joinpath("images", name).write_text(svg, "utf-8")


if __name__ == "__main__":
    main()
