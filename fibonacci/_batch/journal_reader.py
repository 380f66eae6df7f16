"""Reading a journal, also while a run has it, and settling its rows of unknown outcome."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Final

from fibonacci._batch.journal_errors import (
    damaged_error,
    incomplete_error,
    journal_error,
    reading_row,
    sqlite_error,
    system_error,
)
from fibonacci._batch.journal_schema import JournalHeader, JournalMark, read_header
from fibonacci._batch.locks import LOCK_SUFFIX, is_held, read_note
from fibonacci._batch.progress import progress_in
from fibonacci._batch.rows import key_text
from fibonacci._batch.sql_journal import SQLJournal, entry_in
from fibonacci._batch.sqlite_journal import (
    SQLITE,
    check_files,
    connect_read_only,
    open_journal,
    read_checked,
)
from fibonacci._core.options import check_flag
from fibonacci._core.urls import check_id
from fibonacci.errors import JournalError
from fibonacci.models.run_results import RunResult, RunsProgress, RunsSummary

STARTED_WITHIN: Final = 60.0
"""Seconds after which a start without a response is of unknown outcome, while a run has the journal."""

ROWS_AT_ONCE: Final = 500
"""How many rows are read at once: between two reads, the run that has the journal may end and make it whole."""


_SUMMARY: Final = """
SELECT count(*), count(CASE WHEN status = 'completed' THEN 1 END), count(status), count(CASE WHEN
    status IS NULL AND idempotency_key IS NOT NULL
    AND CASE WHEN execution_id IS NULL THEN coalesce(intended_at, 0) < {value} ELSE candidates IS NOT NULL END
THEN 1 END) FROM {rows}
"""
_ORDER: Final = "SELECT number FROM {rows} WHERE coalesce(status = {value}, true) ORDER BY row_index, number"

Select = Callable[[str, Sequence[object]], list[Any]]
"""Carries out a query of the rows."""


class JournalReader(ABC):
    """Reads a journal. Each read shows the journal at that moment. Threads may share the reader.

    Args:
        path: Where it is, for messages.
    """

    def __init__(self, path: str) -> None:
        self.path: str = path

    @property
    @abstractmethod
    def is_running(self) -> bool:
        """Whether a run has the journal now."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[tuple[Select, JournalHeader]]:
        """Return what reads the rows, all as they are after one commit, and what the journal belongs to."""

    @abstractmethod
    def _open(self) -> SQLJournal:
        """Open the journal, which must have rows, to change it."""

    def header(self) -> JournalHeader:
        """Return what the journal belongs to."""
        with self._reading() as (_, header):
            return header

    def progress(self) -> RunsProgress | None:
        """Return what the run has noted of its pace, or None if it has noted nothing."""
        with self._reading() as (select, _):
            return progress_in(select("SELECT progress FROM {header}", ())[0][0])

    def summary(self) -> RunsSummary:
        """Return how far the rows have come."""
        unknown_before = self._unknown_before
        with self._reading() as (select, _):
            ((rows, succeeded, ended, unknown),) = select(_SUMMARY, (unknown_before,))
        left = rows - ended - unknown
        return RunsSummary(succeeded=succeeded, failed=ended - succeeded, unknown=unknown, from_journal=0, left=left)

    def results(self, status: str | None) -> Iterator[RunResult]:
        """Iterate over the rows as results, in their order. Those without one have the status that they have come to.

        Args:
            status: The status of those that are wanted. None for all.
        """
        unknown_before = self._unknown_before
        with self._reading() as (select, _):
            numbers = array("q", (number for (number,) in select(_ORDER, (status,))))
        for begin in range(0, len(numbers), ROWS_AT_ONCE):
            chosen = numbers[begin : begin + ROWS_AT_ONCE].tolist()
            query = f"SELECT {{columns}} FROM {{rows}} WHERE number IN ({', '.join(['{value}'] * len(chosen))})"
            with self._reading() as (select, _):
                records = {record[0]: record for record in select(query, chosen)}
            for number in chosen:
                entry = entry_in(self.path, records[number])
                present = entry.present_status(unknown_before)
                if status in (None, present):
                    with reading_row(self.path):
                        result = entry.result(entry.row_index, present)
                    yield result

    def settle(self, key: str | int, execution_id: str | None, *, not_started: bool, failed: bool) -> RunResult:
        """Check the arguments of `JournalView.settle`, and record the outcome."""
        if execution_id is not None:
            check_id("execution_id", execution_id)
        if (execution_id is not None) + check_flag("not_started", not_started) + check_flag("failed", failed) != 1:
            raise ValueError("settle takes exactly one of execution_id=, not_started=True and failed=True")
        text = key_text(key, "key")
        with closing(self._open()) as journal:
            return journal.settle(text, execution_id, has_failed=failed)

    @property
    def _unknown_before(self) -> float:
        """The Unix time: a request of an earlier intent isn't under way."""
        return time.time() - STARTED_WITHIN if self.is_running else math.inf


class SQLiteReader(JournalReader):
    """Reads a journal in SQLite.

    It has the file open during a read alone, so that a run that ends can make it whole.

    Args:
        path: The path of the file.

    Raises:
        JournalError: If it isn't there, is no journal, or lacks a part of what it has to hold.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._real = os.path.realpath(path)
        self._lock = Path(f"{self._real}{LOCK_SUFFIX}")
        try:
            # A run has checked its files. To open them here would release what this process has locked in them, if it
            # is the process of the run.
            if not self.is_running:
                check_files(path, self._note())
            with self._connected() as (connection, noted):
                mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
                is_open = mode == "wal" and not self.is_running  # a run may have begun after the mark was read
                if read_checked(connection, path, noted, is_open=is_open) is None:
                    raise _absent_error(path)
        except OSError as error:
            raise system_error(path, error) from error

    @property
    def is_running(self) -> bool:
        """Whether a run has the journal now."""
        return is_held(self._lock)

    def _open(self) -> SQLJournal:
        return open_journal(self.path, self.header(), resume=True)

    @contextmanager
    def _reading(self) -> Generator[tuple[Select, JournalHeader]]:
        """Open the journal for what is read of one commit, and check that this isn't an earlier one than was noted."""
        with self._connected() as (connection, noted):
            try:
                header, mark = read_header(connection)
            except (ValueError, OverflowError) as error:
                raise damaged_error(self.path, error) from error
            fault = mark.fault(noted, str(self._lock))
            if fault is not None:
                raise incomplete_error(self.path, fault)
            yield lambda query, values: connection.execute(SQLITE.query(query), values).fetchall(), header

    @contextmanager
    def _connected(self) -> Generator[tuple[sqlite3.Connection, JournalMark | None]]:
        """Open the journal. The mark was read before, so the database is never behind it."""
        if not self._has_content():  # SQLite would remove the write-ahead log of an empty database
            raise _absent_error(self.path)
        noted = JournalMark.read(self._note())
        try:
            with closing(connect_read_only(self._real)) as connection:
                connection.execute("BEGIN")
                yield connection, noted
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise sqlite_error(self.path, error) from error

    def _has_content(self) -> bool:
        file = Path(self._real)
        return file.is_file() and file.stat().st_size > 0

    def _note(self) -> str:
        try:
            return read_note(self._lock)
        except FileNotFoundError:
            return ""


def _absent_error(path: str) -> JournalError:
    """Return the error of a journal that is to be read, and isn't there."""
    return journal_error(path, "does not exist or is empty: check its path")
