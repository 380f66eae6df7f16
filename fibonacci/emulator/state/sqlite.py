"""The state in a SQLite file: it survives the process, and several processes may share it.

Every transaction is in the write-ahead log before the response is sent: a process that is killed loses no change that a
response has confirmed.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fibonacci.emulator.state.errors import StateError, StateReadOnlyError
from fibonacci.emulator.state.sqlite_file import StateFile, explained
from fibonacci.emulator.state.sqlite_table import SqliteTable
from fibonacci.emulator.state.store import Store
from fibonacci.emulator.state.tables import Table, TableKind

BUSY_TIMEOUT: Final = 5.0
"""Seconds to wait for another process that is writing."""

_NO_FILES: Final = ("", ":memory:")
"""What SQLite keeps in no file; as a path, the second would name one."""


class SqliteStore(Store):
    """The state in a file.

    Args:
        path: The file, created if it does not exist.
        busy_timeout: Seconds to wait for another process that is writing.

    Raises:
        StateError: If it cannot be opened, is not an emulator's, or was written by a newer version.
    """

    def __init__(self, path: str | Path, busy_timeout: float = BUSY_TIMEOUT) -> None:
        if os.fspath(path) in _NO_FILES:
            raise StateError(f"{os.fspath(path)!r} names no file: leave it out to keep the state in memory")
        self._path: Final = Path(path).absolute()
        self._busy_timeout: Final = busy_timeout
        self._file: StateFile | None = None
        self._finalizer: weakref.finalize[[], SqliteStore] | None = None
        self._is_reading = False
        super().__init__(self._path)
        self.connection()

    @property
    def is_reading(self) -> bool:
        """Whether the transaction is one that must not write."""
        return self._is_reading

    def connection(self) -> sqlite3.Connection:
        """Return the connection to the file.

        Raises:
            StateError: If it was closed.
        """
        return self._opened().connection

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        """Execute one statement in the present transaction."""
        return self._opened().connection.execute(sql, values)

    def has_due(self, now: float) -> bool:
        """Return whether a record of any table is due by a time; one search, in place of one for each table."""
        kinds = ", ".join("?" * len(self._timed))
        sql = f"SELECT 1 FROM records WHERE kind IN ({kinds}) AND due IS NOT NULL AND due <= ? LIMIT 1"
        return self.execute(sql, *self._timed, now).fetchone() is not None

    @contextmanager
    def transaction(self, patience: float | None = None) -> Generator[None]:
        """Lock the state, for this process and others; make all changes inside or none."""
        with self._lock:
            if self.connection().in_transaction:
                yield
                return
            # not a read lock, which cannot always be upgraded to a write lock:
            self._begin("BEGIN IMMEDIATE", self._busy_timeout if patience is None else patience)
            yield from self._all_or_nothing()

    @contextmanager
    def reading(self) -> Generator[None]:
        """Lock the state for reading; changes by other processes are not seen until its end."""
        with self._lock:
            if self.connection().in_transaction:
                yield
                return
            self._begin("BEGIN", self._busy_timeout)
            self._is_reading = True
            try:
                yield from self._all_or_nothing()
            finally:
                self._is_reading = False

    def open(self) -> None:
        """Open the file again after `close`."""
        self.is_closed: bool = False
        self.connection()

    def close(self) -> None:
        """Close the file; nothing opens it again but `open`."""
        with self._lock:
            self.is_closed = True
            self.owners.release()
            finalizer, self._finalizer, self._file = self._finalizer, None, None
            if finalizer is not None:
                finalizer()

    def _opened(self) -> StateFile:
        if self.is_closed:
            raise StateError(f"{self._path} was closed: start() opens it again")
        if self._file is None:
            with self._lock:
                self._file = StateFile(self._path, self._busy_timeout)
                self._finalizer = weakref.finalize(self, self._file.connection.close)
        return self._file

    def _begin(self, statement: str, patience: float) -> None:
        file = self._opened()
        if file.is_read_only and statement != "BEGIN":
            raise StateReadOnlyError(f"{self._path} is read-only: nothing was changed")
        try:
            file.check()
            if patience != self._busy_timeout:
                file.connection.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            try:
                file.connection.execute(statement)
            finally:
                if patience != self._busy_timeout:
                    file.connection.execute(f"PRAGMA busy_timeout = {round(self._busy_timeout * 1000)}")
        except sqlite3.Error as error:
            raise explained(error, self._path, patience) from error

    def _all_or_nothing(self) -> Generator[None]:
        connection = self.connection()
        try:
            yield
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            connection.rollback()
            raise explained(error, self._path, self._busy_timeout) from error
        except BaseException:
            connection.rollback()
            raise

    def _new_table(self, kind: TableKind) -> Table:
        return SqliteTable(weakref.proxy(self), kind)  # no cycle: the file is closed with the last reference
