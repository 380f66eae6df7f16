"""The journal in SQLite: a file, or a temporary database."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from fibonacci._batch.claims import Claims
from fibonacci._batch.journal import Journal, JournalChanges, JournalEntry
from fibonacci._batch.journal_errors import journal_error, sqlite_error
from fibonacci._batch.journal_owner import JournalOwner
from fibonacci._batch.journal_schema import JournalHeader, use_header
from fibonacci._batch.journals_beside import claims_beside, open_intents, taken_of
from fibonacci._batch.locks import FileLock
from fibonacci._batch.row import Row
from fibonacci.models.run_results import RunResult

_COLUMNS: Final = (
    "number, key, row_index, digest, inputs, idempotency_key, intended_at, execution_id, status, execution, error"
)
_INSERT: Final = (
    "INSERT INTO rows (number, key, row_index, digest, inputs, idempotency_key, intended_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_INTEND: Final = "UPDATE rows SET idempotency_key = ?, intended_at = ?, row_index = ? WHERE number = ?"
_WITHDRAW: Final = "UPDATE rows SET idempotency_key = NULL WHERE number = ?"
_START: Final = "UPDATE rows SET execution_id = ? WHERE number = ?"
_FINISH: Final = (
    "UPDATE rows SET status = ?, execution = ?, error = ?, row_index = ?, execution_id = ? WHERE number = ?"
)
_FORGET: Final = "UPDATE rows SET digest = ?, inputs = ?, status = NULL, error = NULL WHERE number = ?"


class SQLiteJournal(Journal):
    """A journal in a database of SQLite. What a method writes is synced to the disk, unless the journal is temporary.

    Args:
        connection: The database.
        path: Its path, for messages; empty for a temporary one.
        lock: What keeps other runs away from it; None for a temporary one.
        header: What the run belongs to.

    Raises:
        JournalError: If the journal belongs to something else.
    """

    def __init__(self, connection: sqlite3.Connection, path: str, lock: FileLock | None, header: JournalHeader) -> None:
        try:
            difference = use_header(connection, header).difference(header)
            owner = JournalOwner(connection, path) if path and difference is None else None
            last: int = connection.execute("SELECT coalesce(max(number), 0) FROM rows").fetchone()[0]
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise sqlite_error(path, error) from error
        if difference is not None:
            raise journal_error(path, difference)
        super().__init__(path, last)
        self._connection = connection
        self._workflow_id = header.workflow_id
        self._owner = owner
        self._file_lock = lock
        self._lock = threading.Lock()

    def renew(self, row: Row) -> None:
        with self._transaction() as connection:
            connection.execute(_FORGET, (row.digest, row.text, row.number))

    def claims(self, execution_ids: Sequence[str]) -> Claims:
        with self._use() as connection:
            taken, own = taken_of(connection, execution_ids), open_intents(connection)
        claims = Claims(taken, own)
        if self._owner is not None:
            for each in claims_beside(self._owner.real_path, self._workflow_id, execution_ids):
                claims.add(*each)
        return claims

    def close(self) -> None:
        """End the run: another may have the journal. A second call does nothing.

        A temporary journal stays until nothing refers to it, for its results.
        """
        if self._is_closed:
            return
        self._is_closed = True
        if self.path and self._is_of_this_process:  # a fork must not touch the locks of its parent's SQLite
            with self._lock:
                self._connection.close()
        if self._file_lock is not None:
            self._file_lock.release()

    def _read(self, key: str) -> JournalEntry | None:
        with self._use() as connection:
            record = connection.execute(f"SELECT {_COLUMNS} FROM rows WHERE key = ?", (key,)).fetchone()
        return None if record is None else JournalEntry(record)

    def _write(self, changes: JournalChanges) -> None:
        new, withdrawn, again, started, finished = changes
        with self._transaction() as connection:
            connection.executemany(_INSERT, map(_inserted, new))
            connection.executemany(_WITHDRAW, [(row.number,) for row in withdrawn])
            connection.executemany(_INTEND, [_intended(row) for row in again])
            connection.executemany(_START, [(row.execution_id, row.number) for row in started])
            connection.executemany(_FINISH, [self._finished(row, result) for row, result in finished])

    def _ended(self) -> Iterable[JournalEntry]:
        query = f"SELECT {_COLUMNS} FROM rows WHERE status IS NOT NULL ORDER BY row_index"
        if self._is_closed and self._owner is not None:
            uri = f"{Path(self._owner.real_path).as_uri()}?mode=ro"
            try:
                with closing(sqlite3.connect(uri, uri=True)) as connection:
                    records = connection.execute(query).fetchall()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise sqlite_error(self.path, error) from error
        else:
            with self._use() as connection:
                records = connection.execute(query).fetchall()
        return map(JournalEntry, records)

    @contextmanager
    def _use(self) -> Generator[sqlite3.Connection]:
        self._check_process()
        with self._lock:
            try:
                yield self._connection
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise sqlite_error(self.path, error) from error

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._owner is not None:
                    self._owner.check(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite ends some transactions itself
                    connection.execute("ROLLBACK")
                raise

    def _finished(self, row: Row, result: RunResult) -> tuple[object, ...]:
        return result.status, *self._texts(result), row.index, row.execution_id or None, row.number


def _inserted(row: Row) -> tuple[object, ...]:
    key = row.idempotency_key or None
    return row.number, row.key, row.index, row.digest, row.text, key, row.intended_at or None


def _intended(row: Row) -> tuple[object, ...]:
    return row.idempotency_key, row.intended_at, row.index, row.number
