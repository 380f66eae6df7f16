"""Looking into a journal of `workflows.run_many`, also while a run has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from fibonacci._batch.journal_location import RedisJournalURL, check_journal
from fibonacci._batch.journal_reader import SQLiteReader

if TYPE_CHECKING:
    from fibonacci._batch.journal_reader import JournalReader
    from fibonacci.models.run_results import RunResult, RunsProgress, RunsSummary


class JournalView:
    """What a journal of `workflows.run_many` has, as `read_journal` returns it.

    It never changes the journal. Each member reads the journal anew, so that a view beside a run follows it. Threads
    may share a view.

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
        """Its path or URL, without a password."""
        self.workflow_id: str = reader.header().workflow_id
        """The id of the workflow whose rows it has."""

    @property
    def version(self) -> str | None:
        """The version of the workflow with which rows were started last; None where the platform states none."""
        return self._reader.header().workflow_version

    @property
    def is_running(self) -> bool:
        """Whether a run has the journal now. In Redis, that of a killed process has it for up to 9 s more."""
        return self._reader.is_running

    @property
    def summary(self) -> RunsSummary:
        """How far the rows have come.

        `left` counts the rows of the journal that have no result and are not unknown; what was not begun yet is not in
        it. `from_journal` is 0.
        """
        return self._reader.summary()

    @property
    def progress(self) -> RunsProgress | None:
        """What the run that had the journal last has noted there of its pace; None if it has noted nothing."""
        return self._reader.progress()

    def rows(self, status: str | None = None) -> Iterator[RunResult]:
        """Iterate over the rows that the journal has now, in their order, those without a result included.

        Args:
            status: Yield the rows with this status alone: that of their result (`"completed"`, `"failed"`,
                `"cancelled"`), or of a row without one: `"pending"` before it is started, `"starting"` while the
                request is on its way, `"running"` once its execution is known, and `"unknown"` if it is not known
                whether it was started. While a run has the journal, a start without a response is unknown after 60 s,
                by the clock of this machine.

        Returns:
            An iterator over the rows, each with its inputs and attempts. `execution` is None while there is no result.

        Raises:
            JournalError: If the journal cannot be read, or is not what was written.

        Example:
            ```python
            from fibonacci import read_journal

            rows = [{"id": 7, "name": "Ada"}, {"id": 8, "name": "Bob"}]
            client.workflows.run_many(workflow.id, rows, key="id", journal="rows.db").results()
            print([row.key for row in read_journal("rows.db").rows(status="completed")])  # prints: [7, 8]
            ```
        """
        return self._reader.results(status)

    def close(self) -> None:
        """Close the connections to Redis.

        A file is open only while it is read.
        """
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}, workflow {self.workflow_id}>"


def read_journal(journal: str | os.PathLike[str]) -> JournalView:
    """Look into a journal of `workflows.run_many`, also while a run has it: nothing is written or claimed.

    Args:
        journal: The path of the file, or the URL in Redis with the name, `redis://host/0?journal=NAME`. A run whose URL
            has no name has the id of the workflow as the name.

    Returns:
        What the journal has.

    Raises:
        JournalError: If it is not there, is no journal, or lacks a part of what it has to hold.
        TypeError: If it is neither a path nor a URL.
        ValueError: If it is the URL of something else, or has no name.
        ImportError: If it is in Redis, and redis-py is not installed.

    Example:
        ```python
        from fibonacci import read_journal

        client.workflows.run_many(workflow.id, [{"name": "Ada"}, {"name": "Bob"}], journal="read.db").results()
        print(read_journal("read.db").summary)
        # prints: 2 succeeded, 0 failed, 0 unknown, 0 left (0 from the journal)
        ```
    """
    location = check_journal(journal)
    if location is None:
        raise TypeError("journal must be the path of a file or a URL of Redis, not None")
    if isinstance(location, str):
        return JournalView(SQLiteReader(location))
    return JournalView(_redis_reader(location))


def _redis_reader(location: RedisJournalURL) -> JournalReader:
    from fibonacci._batch.redis_opening import RedisReader
    from fibonacci._net.redis_client import RedisConnection

    return RedisReader(RedisConnection(location.url, "journal"), location)
