"""Reading a journal of `workflows.run_many`, even while a run uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from fibonacci._batch.journal_reader import JournalReader, SQLiteReader
from fibonacci._batch.options import check_journal, postgres_place

if TYPE_CHECKING:
    from fibonacci.models.run_results import RunResult, RunsProgress, RunsSummary


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
        return self._reader.is_running

    @property
    def summary(self) -> RunsSummary:
        """The numbers of rows that have succeeded, failed, have an unknown outcome or are left.

        `left` counts the rows in the journal that have no result and aren't unknown. Rows that the run hasn't reached
        yet aren't in the journal, and aren't counted. `from_journal` is always 0 here.
        """
        return self._reader.summary()

    @property
    def progress(self) -> RunsProgress | None:
        """The progress of the latest run, as last written to the journal. None if none was written."""
        return self._reader.progress()

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
        return self._reader.results(status)

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
        return self._reader.settle(key, execution_id, not_started=not_started, failed=failed)

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
    path = check_journal(journal)
    if path is None:
        raise TypeError("journal must be the path of a file, not None")
    place = postgres_place(path)
    if place is None:
        return JournalView(SQLiteReader(path))
    from fibonacci._batch.postgres_journal import PostgresReader

    return JournalView(PostgresReader(place))
