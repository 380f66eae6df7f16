"""IDs of executions that cannot be recorded are named."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock

from fibonacci import JournalError
from fibonacci._batch.rows import Row
from fibonacci._sync.batch.context import BatchContext
from tests.batch.journals import row
from tests.emulator.handling import wait_until


class SlowJournal:
    """Takes its time for the first write, so that others wait for it."""

    is_durable = True

    def __init__(self) -> None:
        self.written: list[list[int]] = []
        self.goes_on = threading.Event()
        self.error: JournalError | None = None

    def write(self, rows: Sequence[Row], progress: str | None = None, version: str | None = None) -> None:
        if not rows:
            return
        self.written.append([each.index for each in rows])
        assert self.goes_on.wait(20)
        if self.error is not None:
            raise self.error


def begin(journal: SlowJournal, rows: Sequence[Row]) -> tuple[list[threading.Thread], list[JournalError], BatchContext]:
    """Let the first row be written, and the others wait for it."""
    shared: Any = journal
    context: Any = BatchContext(
        Mock(), Mock(), Mock(concurrency=None, total=None), shared, None, None, None, Mock(), 0.0
    )
    errors: list[JournalError] = []

    def record(each: Row) -> None:
        try:
            context.record(each)
        except JournalError as error:
            errors.append(error)

    threads = [threading.Thread(target=record, args=(each,)) for each in rows]
    threads[0].start()
    wait_until(lambda: journal.written == [[0]])
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(context.state.changed) == len(rows))
    return threads, errors, context


def test_an_error_names_all_that_are_not_recorded_and_the_summary_counts_them() -> None:
    journal, rows = SlowJournal(), [row(index) for index in range(3)]
    for each in rows:
        each.execution_id = f"exec_{each.index}"
    threads, errors, context = begin(journal, rows)
    journal.error = JournalError("the disk is full")
    journal.goes_on.set()
    for thread in threads:
        thread.join()
    notes = " ".join(note for error in errors for note in error.__notes__)
    assert all(f"{each.key}: exec_{each.index}" in notes for each in rows)
    assert context.state.changed == rows
    assert context.state.summary.unknown == 3
