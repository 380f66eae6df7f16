"""The journal in SQLite: a file, or a temporary database."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from fibonacci._batch.attempts import attempts_text
from fibonacci._batch.journal import Journal, JournalChanges, JournalEntry
from fibonacci._batch.journal_errors import damaged_error, sqlite_error
from fibonacci._batch.journal_owner import JournalOwner
from fibonacci._batch.journal_schema import checksum_of, read_header, write_header, write_progress
from fibonacci._batch.journals_beside import claims_beside, open_intents, taken_of
from fibonacci._batch.rows import Row
from fibonacci._batch.search import Claims
from fibonacci.models.run_results import RunResult

COLUMNS: Final = (
    "number, key, row_index, digest, inputs, idempotency_key, intended_at, execution_id, status, version, execution,"
    " error, earlier"
)
RECORD: Final[str] = f"SELECT {COLUMNS}, checksum FROM rows"
_INSERT: Final = (
    "INSERT INTO rows (number, key, row_index, digest, inputs, idempotency_key, intended_at, earlier, checksum)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)"
)
_INTEND: Final = (
    "UPDATE rows SET idempotency_key = ?, intended_at = ?, row_index = ?, earlier = ?, execution_id = NULL,"
    " status = NULL, version = NULL, execution = NULL, error = NULL WHERE number = ?"
)
_READ: Final = f"SELECT number, {COLUMNS}, checksum FROM rows WHERE number IN (SELECT value FROM json_each(?))"
_MARK: Final = "UPDATE rows SET checksum = ? WHERE number = ?"
_WITHDRAW: Final = "UPDATE rows SET idempotency_key = NULL WHERE number = ?"
_START: Final = "UPDATE rows SET execution_id = ?, version = ? WHERE number = ?"
_FINISH: Final = (
    "UPDATE rows SET status = ?, execution = ?, error = ?, row_index = ?, execution_id = ?, version = ?"
    " WHERE number = ?"
)
_FORGET: Final = "UPDATE rows SET digest = ?, inputs = ?, status = NULL, error = NULL WHERE number = ?"


_TRIES: Final = 20
_PAUSE: Final = 0.02


class SQLiteJournal(Journal):
    """A journal in a database of SQLite. What a method writes is synced to the disk, unless the journal is temporary.

    Args:
        connection: The database, with its tables.
        path: Its path, for messages; empty for a temporary one.
        owner: The run, which has the journal alone; None for a temporary one.

    Raises:
        JournalError: If it cannot be written.
    """

    def __init__(self, connection: sqlite3.Connection, path: str = "", owner: JournalOwner | None = None) -> None:
        super().__init__(path, 0 if owner is None else owner.mark.rows)
        self._connection = connection
        self._owner = owner
        self._lock = threading.Lock()
        self._is_checked = path == "" or self.is_new
        if owner is not None:
            with self._transaction([]):  # in which the run becomes the owner
                pass

    @property
    def is_asked_to_stop(self) -> bool:
        return self._owner is not None and self._owner.is_asked_to_stop

    def renew(self, row: Row) -> None:
        with self._transaction([row]) as connection:
            connection.execute(_FORGET, (row.digest, row.text, row.number))

    def continue_with(self, version: str) -> None:
        with self._transaction([]) as connection:
            try:
                header, _ = read_header(connection)
            except ValueError as error:
                raise damaged_error(self.path, error) from error
            write_header(connection, header._replace(workflow_version=version))

    def claims(self, execution_ids: Sequence[str]) -> Claims:
        self._check_rows()
        with self._use() as connection:
            claims = Claims(taken_of(connection, execution_ids), open_intents(connection))
            workflow_id = read_header(connection)[0].workflow_id
        if self._owner is not None:
            for other in claims_beside(self._owner.real_path, workflow_id, execution_ids):
                claims.add(*other)
        return claims

    def close(self) -> None:
        """End the run: another may have the journal. A second call does nothing.

        A temporary journal stays until nothing refers to it, for its results.
        """
        if self._owner is None or not self._is_of_this_process:  # what a fork has is its parent's: the locks, a request
            self._is_closed = True
            return
        with self._lock:
            if not self._is_closed:
                try:
                    _make_whole(self._connection)
                finally:
                    self._connection.close()
                    self._owner.release()
                    self._is_closed = True

    def _read(self, key: str) -> JournalEntry | None:
        with self._use() as connection:
            record = connection.execute(f"{RECORD} WHERE key = ?", (key,)).fetchone()
        return None if record is None else self._entry(record)

    def _count(self) -> int:
        with self._use() as connection:
            return _count(connection)

    def _write(self, changes: JournalChanges) -> None:
        new, withdrawn, again, started, finished, progress = changes
        rows = [*new, *withdrawn, *again, *started, *(row for row, _ in finished)]
        with self._transaction(rows) as connection:
            connection.executemany(_INSERT, map(_inserted, new))
            connection.executemany(_WITHDRAW, [(row.number,) for row in withdrawn])
            connection.executemany(_INTEND, [_intended(row) for row in again])
            connection.executemany(_START, [(row.execution_id, row.version, row.number) for row in started])
            connection.executemany(_FINISH, [self._finished(row, result) for row, result in finished])
            if progress is not None:
                write_progress(connection, progress)

    def _ended(self) -> Iterable[JournalEntry]:
        query = f"{RECORD} WHERE status IS NOT NULL ORDER BY row_index"
        owner = self._owner
        if owner is None or not self._is_closed:
            with self._use() as connection:
                if owner is None or not self._is_closed:  # while this waited, a thread may have ended the run
                    return map(self._entry, connection.execute(query).fetchall())
        uri = f"{Path(owner.real_path).as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as connection:
                return map(self._entry, connection.execute(query).fetchall())
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise sqlite_error(self.path, error) from error

    @contextmanager
    def _use(self) -> Generator[sqlite3.Connection]:
        self._check_process()
        with self._lock:
            try:
                yield self._connection
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise sqlite_error(self.path, error) from error

    @contextmanager
    def _transaction(self, rows: Sequence[Row]) -> Generator[sqlite3.Connection]:
        """Write rows in a transaction."""
        owner = self._owner
        with self._use() as connection:
            try:
                if connection.in_transaction:  # Ctrl-C has kept the last one from being rolled back
                    connection.execute("ROLLBACK")
                connection.execute("BEGIN IMMEDIATE")
                if owner is not None:
                    owner.check(connection)
                yield connection
                if owner is None:
                    connection.execute("COMMIT")
                else:
                    added = self._update_checksums(connection, rows)
                    owner.commit(connection, _count(connection), added)
            except BaseException:
                if connection.in_transaction:  # SQLite ends some transactions itself
                    connection.execute("ROLLBACK")
                raise

    def _update_checksums(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
        """Update the checksums of rows; return what they are more than before."""
        added = 0
        marks: list[tuple[int, int]] = []
        # No function of SQLite does it: Ctrl-C in one would be an error. A row may be missing, if Ctrl-C has kept its
        # intent, which is now withdrawn, from being written.
        numbers = json.dumps([*{row.number for row in rows}])
        for number, *record, before in connection.execute(_READ, (numbers,)).fetchall():
            checksum = checksum_of(record)
            added += checksum - before
            marks.append((checksum, number))
        connection.executemany(_MARK, marks)
        return added

    def _entry(self, record: Sequence[Any]) -> JournalEntry:
        return JournalEntry(record[:-1]) if self._owner is None else entry_in(self.path, record)

    def _check_rows(self) -> None:
        """Check what each row has; what is not there cannot be told from what was damaged.

        Raises:
            JournalError: If it is not what was written.
        """
        if self._owner is not None and not self._is_checked:
            with self._use() as connection:
                for record in connection.execute(RECORD):
                    self._entry(record)
            self._is_checked = True

    def _finished(self, row: Row, result: RunResult) -> tuple[object, ...]:
        return result.status, *self._texts(result), row.index, row.execution_id or None, row.version, row.number


def _count(connection: sqlite3.Connection) -> int:
    rows: int = connection.execute("SELECT coalesce(max(number), 0) FROM rows").fetchone()[0]
    return rows


def entry_in(path: str, record: Sequence[Any]) -> JournalEntry:
    """Return what a record of a journal says, which ends with its checksum.

    Raises:
        JournalError: If it is not what was written.
    """
    *fields, checksum = record
    if checksum_of(fields) != checksum:
        raise damaged_error(path, f"row {fields[0]} is not what was written")
    return JournalEntry(fields)


def _make_whole(connection: sqlite3.Connection) -> None:
    """Make a journal one file that can be copied. Where that fails, it stays whole with its write-ahead log."""
    with suppress(sqlite3.Error):  # such as when another program has it open, or the disk is full
        connection.execute("PRAGMA busy_timeout = 0")
        for _ in range(_TRIES):
            try:
                connection.execute("PRAGMA journal_mode = MEMORY")
            except sqlite3.OperationalError:  # a view reads some rows
                time.sleep(_PAUSE)
            else:
                return


def _inserted(row: Row) -> tuple[object, ...]:
    start = row.idempotency_key or None, row.intended_at or None, attempts_text(row.earlier)
    return row.number, row.key, row.index, row.digest, row.text, *start


def _intended(row: Row) -> tuple[object, ...]:
    return row.idempotency_key, row.intended_at, row.index, attempts_text(row.earlier), row.number
