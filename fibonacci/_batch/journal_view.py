"""Reading a journal of `workflows.run_many`, even while a run uses it."""

from __future__ import annotations

import math
import os
import time
from array import array
from collections.abc import Iterator
from contextlib import closing
from types import TracebackType
from typing import Final, Self

from fibonacci._batch.journal_errors import reading_row
from fibonacci._batch.journal_reader import JournalReader, SQLiteReader
from fibonacci._batch.options import check_journal, postgres_place
from fibonacci._batch.progress import progress_in
from fibonacci._batch.rows import key_text
from fibonacci._batch.sql_journal import entry_in
from fibonacci._core.options import check_flag
from fibonacci._core.urls import check_id
from fibonacci.models.run_results import RunResult, RunsProgress, RunsSummary

STARTED_WITHIN: Final = 60.0
"""Seconds after which a start without a response is of unknown outcome, while a run has the journal."""

ROWS_AT_ONCE: Final = 500
"""How many rows are read at once. Between two reads, the run that has the journal may end and make it one file."""

_SUMMARY: Final = """
SELECT count(*), count(CASE WHEN status = 'completed' THEN 1 END), count(status), count(CASE WHEN
    status IS NULL AND idempotency_key IS NOT NULL
    AND CASE WHEN execution_id IS NULL THEN coalesce(intended_at, 0) < {value} ELSE candidates IS NOT NULL END
THEN 1 END) FROM {rows}
"""
_ORDER: Final = "SELECT number FROM {rows} WHERE coalesce(status = {value}, true) ORDER BY row_index, number"


class JournalView:
    """A view of a journal of `workflows.run_many`, as `read_journal` returns it.

    It reads the journal again each time you use a member, so a view can follow a run. Only `settle` changes the
    journal. Threads may share a view.

    Example:
        ```python
        from fibonacci import read_journal

        client.workflows.run_many(workflow.id, [{"name": "Ada"}], journal="view.db").results()
        with read_journal("view.db") as journal:
            print(journal.summary.succeeded, journal.is_running)
        # prints: 1 False
        ```
    """

    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader
        self.path: str = reader.path
        """The journal's path."""
        self.workflow_id: str = reader.header().workflow_id
        """The ID of the workflow whose rows the journal has."""

    @property
    def version(self) -> str | None:
        """The workflow's version when rows were last started. None if the platform doesn't report versions."""
        return self._reader.header().workflow_version

    @property
    def is_running(self) -> bool:
        """Whether a run is using the journal now."""
        return self._reader.holder() is not None

    @property
    def summary(self) -> RunsSummary:
        """The numbers of rows that have succeeded, failed, have an unknown outcome or are left.

        `left` counts the rows in the journal that have no result and aren't unknown. Rows that the run hasn't reached
        yet aren't in the journal, and aren't counted. `from_journal` is always 0 here.
        """
        unknown_before = self._unknown_before
        with self._reader.reading() as (select, _):
            ((rows, succeeded, ended, unknown),) = select(_SUMMARY, (unknown_before,))
        left = rows - ended - unknown
        return RunsSummary(succeeded=succeeded, failed=ended - succeeded, unknown=unknown, from_journal=0, left=left)

    @property
    def progress(self) -> RunsProgress | None:
        """The progress of the latest run, as last written to the journal. None if none was written."""
        with self._reader.reading() as (select, _):
            return progress_in(select("SELECT progress FROM {header}", ())[0][0])

    def rows(self, status: str | None = None) -> Iterator[RunResult]:
        """Loop over the rows that the journal has now, in their order, including those without a result.

        Args:
            status: Only the rows with this status. Rows with a result are `"completed"`, `"failed"` or `"cancelled"`.
                Rows without one are `"pending"` before they start, `"starting"` while the request is under way, and
                `"running"` once the execution is known. They are `"unknown"` if it isn't known whether they were
                started, or if the execution couldn't be read in the latest call. While a run is using the journal, a
                row whose request gets no response counts as `"unknown"` after 60 s, by this machine's clock.

        Returns:
            An iterator over the rows, each with its inputs and attempts. `execution` is None as long as there is no
            result.

        Raises:
            JournalError: If the journal can't be read, or is damaged.

        Example:
            ```python
            from fibonacci import read_journal

            rows = [{"id": 7, "name": "Ada"}, {"id": 8, "name": "Bob"}]
            client.workflows.run_many(workflow.id, rows, key="id", journal="rows.db").results()
            print([row.key for row in read_journal("rows.db").rows(status="completed")])  # prints: [7, 8]
            ```
        """
        unknown_before = self._unknown_before
        with self._reader.reading() as (select, _):
            numbers = array("q", (number for (number,) in select(_ORDER, (status,))))
        for begin in range(0, len(numbers), ROWS_AT_ONCE):
            chosen = numbers[begin : begin + ROWS_AT_ONCE].tolist()
            query = f"SELECT {{columns}} FROM {{rows}} WHERE number IN ({', '.join(['{value}'] * len(chosen))})"
            with self._reader.reading() as (select, _):
                records = {record[0]: record for record in select(query, chosen)}
            for number in chosen:
                entry = entry_in(self.path, records[number])
                present = entry.present_status(unknown_before)
                if status in (None, present):
                    with reading_row(self.path):
                        result = entry.result(entry.row_index, present)
                    yield result

    def settle(
        self,
        key: str | int,
        *,
        execution_id: str | None = None,
        not_started: bool = False,
        failed: bool = False,
    ) -> RunResult:
        """Record what became of a row of unknown outcome, after you found out.

        Pass exactly one of the other arguments. The decision is kept in the row's `attempts`.

        Args:
            key: The key of the row, such as `"order-7"`, or its number if it has no key.
            execution_id: The ID of the execution that the row started, such as one of its `candidates`. The next call
                with the journal waits for it and takes its result.
            not_started: Whether no execution was started. The next call with the journal starts the row.
            failed: Whether to count the row as failed. With `retry_failed=True`, the next call starts it again.

        Returns:
            The row as it is now in the journal.

        Raises:
            JournalError: If a run is using the journal, it has no such row, the row's status isn't `"unknown"`, or the
                execution belongs to another row. The journal stays as it is.
            TypeError: If an argument has the wrong type.
            ValueError: If you pass none or several of `execution_id`, `not_started` and `failed`.

        Example:
            ```python
            from fibonacci import UnknownOutcomeError, read_journal

            try:
                client.workflows.run_many(workflow.id, [{"name": "Ada"}], journal="settle.db").results()
            except UnknownOutcomeError as error:
                for row in error.results:
                    print(row.key, [(each.id, each.status, each.created_at) for each in row.candidates])
                    read_journal("settle.db").settle(row.key, not_started=True)  # if you are sure
            ```
        """
        if execution_id is not None:
            check_id("execution_id", execution_id)
        if (execution_id is not None) + check_flag("not_started", not_started) + check_flag("failed", failed) != 1:
            raise ValueError("settle takes exactly one of execution_id=, not_started=True and failed=True")
        text = key_text(key, "key")
        with closing(self._reader.open()) as journal:
            return journal.settle(text, execution_id, has_failed=failed)

    @property
    def _unknown_before(self) -> float:
        """The Unix time: a request of an earlier intent isn't under way."""
        return time.time() - STARTED_WITHIN if self.is_running else math.inf

    def close(self) -> None:
        """Do nothing: a view has the journal open only while it reads it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}, workflow {self.workflow_id}>"


def read_journal(journal: str | os.PathLike[str]) -> JournalView:
    """Open a journal of `workflows.run_many` for reading, even while a run uses it.

    It doesn't keep a run from using the journal, and writes nothing unless you call `settle`.

    Args:
        journal: The path of the journal's file, or the URL of a journal in PostgreSQL, as `run_many` takes it.

    Returns:
        A view of the journal, from which you can read its rows and its state.

    Raises:
        JournalError: If it doesn't exist, isn't a journal, or has lost a part.
        TypeError: If it isn't a path.
        ValueError: If it is another URL, or can't be the path of a file.

    Example:
        ```python
        from fibonacci import read_journal

        client.workflows.run_many(workflow.id, [{"name": "Ada"}, {"name": "Bob"}], journal="read.db").results()
        print(read_journal("read.db").summary)
        # prints: 2 succeeded, 0 failed, 0 unknown, 0 left (0 from the journal)
        ```
    """
    reader = journal_reader(journal)
    reader.check()
    return JournalView(reader)


def journal_reader(journal: str | os.PathLike[str]) -> JournalReader:
    """Return what reads the journal at a path or a URL of PostgreSQL.

    Raises:
        TypeError: If it isn't a path.
        ValueError: If it is another URL, or can't be the path of a file.
    """
    path = check_journal(journal)
    if path is None:
        raise TypeError("journal must be the path of a file, not None")
    place = postgres_place(path)
    if place is None:
        return SQLiteReader(path)
    from fibonacci._batch.postgres_journal import PostgresReader

    return PostgresReader(place)
