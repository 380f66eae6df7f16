"""Simulate workers and batches, and print the tables.

python -m tests.tools.simulation             all of them, in five minutes
python -m tests.tools.simulation --short     up to 100 workers, and no batches
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tests.tools.simulation.batches import Batch, measure_batch
from tests.tools.simulation.comparisons import concurrencies, jobs, table
from tests.tools.simulation.scenarios import Scenario, ScenarioFigures, measure

_OUTAGE = (60.0, 120.0)


def workers(counts: Sequence[int]) -> str:
    """Compare the client with the usual habit, for more and more workers."""
    rows: list[list[str]] = []
    for count in counts:
        cells = [f"{count:,}"]
        for has_gate in (True, False):
            cells += _cells(measure(Scenario(count, has_gate=has_gate, seconds=180.0)))
        rows.append(cells)
    header = ["Workers", "Used", "Refused", "Used, by habit", "Refused, by habit"]
    return table(header, rows)


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


def batches() -> str:
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
    return table(["Batch", "Throughput", "Refused", "Failed requests"], rows)


def _cells(figures: ScenarioFigures) -> list[str]:
    return [f"{figures.share(60.0):.1%}", f"{len(figures.refused):,}"]


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Simulate workers and batches.")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    tables = [workers([1, 10, 100] if options.short else [1, 10, 100, 1_000, 10_000])]
    tables.append(circumstances(10 if options.short else 1_000))
    if not options.short:
        tables += [batches(), concurrencies(), jobs()]
    print(*tables, sep="\n\n")


if __name__ == "__main__":
    main()
