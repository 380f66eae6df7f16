"""Batches beside what others would have done: a concurrency found by AIMD, and the loop that many programs have."""

from __future__ import annotations

from dataclasses import replace

from tests.tools.simulation.batches import Batch, BatchFigures, Way, measure_batch

_BOUND = Batch(1_000, 10.0, quota=20, limit=300)
_SHORT = Batch(3_000, 0.0, concurrency=100, limit=300)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a table as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def concurrencies() -> str:
    """Compare asking for the quota of executions at a time with finding it by AIMD, alone and beside others."""
    rows: list[list[str]] = []
    for others in (0, 8):
        ways: tuple[tuple[str, Way], ...] = ("asked for", "run_many"), ("by AIMD", "aimd")
        for name, way in ways:
            figures = measure_batch(replace(_BOUND, others=others, way=way))
            beside = f"beside {others} others" if others else "alone"
            rows.append([f"{name}, {beside}", f"{figures.capacity:.1%}", *_counts(figures, others)])
    header = ["Quota of 20 at a time, runs of 10 s", "Capacity used", "Rows a minute", "Refused", "Others refused"]
    return table(header, rows)


def _counts(figures: BatchFigures, others: int) -> list[str]:
    rows_a_minute = f"{60 * figures.done / figures.elapsed:.0f}"
    return [rows_a_minute, str(figures.refused), str(figures.others_refused) if others else "-"]


def jobs() -> str:
    """Compare `run_many` with a semaphore, tenacity after a refusal and polling each execution, for two jobs."""
    cases = {
        "1,000 rows of 10 s, 20 at a time": (_BOUND, replace(_BOUND, way="habit", concurrency=20)),
        "The same, a semaphore of 50": (None, replace(_BOUND, way="habit", concurrency=50)),
        "3,000 rows that end at once": (_SHORT, replace(_SHORT, way="habit")),
    }
    rows: list[list[str]] = []
    for name, (own, habit) in cases.items():
        if own is not None:
            rows.append([name, "`run_many`", *_job(measure_batch(own))])
        rows.append([name, "by habit", *_job(measure_batch(habit))])
    return table(["Job, 300 requests a minute", "", "Rows done", "Minutes", "Requests", "Refused"], rows)


def _job(figures: BatchFigures) -> list[str]:
    refused = figures.refused / len(figures.exchanges)
    return [
        f"{figures.done:,}",
        f"{figures.elapsed / 60:.1f}",
        f"{len(figures.exchanges):,}",
        f"{figures.refused:,} ({refused:.0%})",
    ]
