"""Where a journal is read from, even while a run has it."""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

from fibonacci._batch.journal_errors import damaged_error, incomplete_error, journal_error, sqlite_error, system_error
from fibonacci._batch.journal_schema import JournalHeader, JournalMark, read_header
from fibonacci._batch.locks import LOCK_SUFFIX, is_held, read_holder, read_note
from fibonacci._batch.sql_journal import JournalHolder, SQLJournal
from fibonacci._batch.sqlite_journal import (
    SQLITE,
    check_files,
    connect_read_only,
    make_stop_request,
    open_journal,
    read_checked,
)
from fibonacci.errors import JournalError

Select = Callable[[str, Sequence[object]], list[Any]]
"""Carries out a query of the rows."""


class JournalReader(ABC):
    """Reads a journal, which it has open only while it reads. Threads may share the reader.

    Args:
        path: Where it is, for messages.
    """

    def __init__(self, path: str) -> None:
        self.path: str = path

    @abstractmethod
    def holder(self) -> JournalHolder | None:
        """Return the run that has the journal, or None if none has. It is true at the moment of the call.

        Raises:
            JournalError: If there is no journal, or it can't be read.
        """

    @abstractmethod
    def stop(self) -> JournalHolder | None:
        """Request that the run that has the journal starts no more rows. This doesn't affect a later run.

        Returns:
            That run. None if none has the journal.

        Raises:
            JournalError: If there is no journal, or the request can't be written.
        """

    @abstractmethod
    def check(self) -> None:
        """Check all of the journal.

        Raises:
            JournalError: If it isn't there, is no journal, or lacks a part of what it has to hold.
        """

    @abstractmethod
    def reading(self) -> AbstractContextManager[tuple[Select, JournalHeader]]:
        """Return what reads the rows, all as they are after one commit, and what the journal belongs to."""

    @abstractmethod
    def open(self) -> SQLJournal:
        """Open the journal, which must have rows, to change it."""

    def header(self) -> JournalHeader:
        """Return what the journal belongs to."""
        with self.reading() as (_, header):
            return header


class SQLiteReader(JournalReader):
    """Reads a journal in SQLite.

    It has the file open only during a read, so that a run that ends can make it one file.

    Args:
        path: The path of the file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._real = os.path.realpath(path)
        self._lock = Path(f"{self._real}{LOCK_SUFFIX}")

    def holder(self) -> JournalHolder | None:
        """Return the run that has the journal, or None if none has. It is true at the moment of the call."""
        try:
            Path(self._real).stat()
            if not is_held(self._lock):
                return None
            mark, process = JournalMark.read(read_note(self._lock)), read_holder(self._lock)
        except FileNotFoundError as error:
            raise journal_error(self.path, "does not exist: check its path") from error
        except OSError as error:
            raise system_error(self.path, error) from error
        run = "" if mark is None or mark.run == JournalMark.new().run else mark.run
        return JournalHolder(run, f"process {process}")

    def stop(self) -> JournalHolder | None:
        """Request that the run that has the journal starts no more rows. This doesn't affect a later run."""
        holder = self.holder()
        if holder is None:
            self.check()  # one may have passed the file of the rows or of the results
        elif holder.run:
            try:
                make_stop_request(self._real, holder.run)
            except OSError as error:
                raise system_error(self.path, error) from error
        return holder

    def check(self) -> None:
        """Check all of the journal."""
        try:
            # A run has checked its files. To open them here would release what this process has locked in them, if it
            # is the process of the run.
            if not is_held(self._lock):
                check_files(self.path, self._note())
            with self._connected() as (connection, noted):
                mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
                is_open = mode == "wal" and not is_held(self._lock)  # a run may have begun after the mark was read
                if read_checked(connection, self.path, noted, is_open=is_open) is None:
                    raise _absent_error(self.path)
        except OSError as error:
            raise system_error(self.path, error) from error

    def open(self) -> SQLJournal:
        """Open the journal, which must have rows, to change it."""
        return open_journal(self.path, self.header(), resume=True)

    @contextmanager
    def reading(self) -> Generator[tuple[Select, JournalHeader]]:
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
