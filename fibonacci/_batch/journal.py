"""The journal of a batch: what is known of each row, in SQLite, written before a request is sent."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from fibonacci._batch.journal_errors import damaged_error, journal_error, sqlite_error
from fibonacci._batch.journal_owner import JournalOwner
from fibonacci._batch.journal_schema import JournalHeader, use_header
from fibonacci._batch.locks import FileLock
from fibonacci._batch.row import Row
from fibonacci._batch.stored_errors import error_in, error_text
from fibonacci.models.executions import Execution
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


class JournalEntry:
    """What the journal has of a row.

    Attributes:
        number: Its number, from 1, in the order of the first intents.
        index: The index of the row when it was written.
        digest: The digest of its inputs; empty where they had no JSON form.
        inputs: The inputs in JSON.
        idempotency_key: That of the request that was going to be sent; None if none was, or if it was refused.
        intended_at: The Unix time of that intent.
        execution_id: The id of its execution; None while it is not known.
        status: The status of its result; None while there is none.
    """

    def __init__(self, record: Sequence[Any]) -> None:
        self.number: int = record[0]
        self.key: str = record[1]
        self.index: int = record[2]
        self.digest: bytes = record[3]
        self.inputs: str | None = record[4]
        self.idempotency_key: str | None = record[5]
        self.intended_at: float | None = record[6]
        self.execution_id: str | None = record[7]
        self.status: str | None = record[8]
        self._execution: str | None = record[9]
        self._error: str | None = record[10]

    @property
    def is_finished(self) -> bool:
        """Whether the row has its result. One whose inputs had no JSON form is tried again."""
        return self.status is not None and self.digest != b""

    def result(self, index: int) -> RunResult:
        """Return the result of the row, at the index that it has now."""
        execution = None if self._execution is None else Execution.model_validate(json.loads(self._execution))
        inputs = None if self.inputs is None else json.loads(self.inputs)
        return RunResult(index, self.key, inputs, execution, error_in(self._error, execution), self.status or "")


class Journal:
    """Records three facts of each row: that it is going to be started, the id of its execution, its result.

    A method returns when what it writes is durable, unless the journal is temporary. It may be used by many threads.

    Args:
        connection: The database.
        path: Its path, for messages; empty for a temporary one.
        lock: What keeps other runs away from it; None for a temporary one.
        header: What the run belongs to.

    Attributes:
        is_durable: Whether it outlives the process.
        redact: Removes the API key, which the platform may echo, from what is written.

    Raises:
        JournalError: If the journal belongs to something else.
    """

    def __init__(self, connection: sqlite3.Connection, path: str, lock: FileLock | None, header: JournalHeader) -> None:
        self.path: str = path
        self.is_durable: bool = path != ""
        self._connection = connection
        self._file_lock = lock
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._seen = bytearray()
        self._is_closed = False
        self.redact: Callable[[str], str] = str
        with self._use():
            difference = use_header(connection, header).difference(header)
            if difference is not None:
                raise journal_error(path, difference)
            self._owner = JournalOwner(connection, path) if path else None
            self._last: int = connection.execute("SELECT coalesce(max(number), 0) FROM rows").fetchone()[0]
        self._is_new = self._last == 0

    def find(self, key: str, *, is_unique: bool) -> tuple[JournalEntry | None, bool]:
        """Return what is known of a row, and whether the same key was found or begun in this run before.

        Args:
            key: The key of the row.
            is_unique: Whether no two rows can have one key, so that a new journal need not be asked.
        """
        if is_unique and self._is_new:
            return None, False
        with self._use() as connection:
            record = connection.execute(f"SELECT {_COLUMNS} FROM rows WHERE key = ?", (key,)).fetchone()
        if record is None:
            return None, False
        entry = JournalEntry(record)
        return entry, self._mark(entry.number)

    def write(
        self,
        intended: Sequence[Row] = (),
        withdrawn: Sequence[Row] = (),
        started: Sequence[Row] = (),
        finished: Sequence[tuple[Row, RunResult]] = (),
    ) -> None:
        """Write all at once.

        Args:
            intended: Rows that are going to be started.
            withdrawn: Rows that were certainly not started.
            started: Rows with the id of their execution.
            finished: Rows with their results.
        """
        if not (intended or withdrawn or started or finished):
            return
        again = [row for row in intended if row.number]
        new = [row for row in [*intended, *(row for row, _ in finished)] if not row.number]
        for row in new:
            self._last += 1
            row.number = self._last
            self._mark(row.number)
        with self._transaction() as connection:
            connection.executemany(_INSERT, map(_inserted, new))
            connection.executemany(_WITHDRAW, [(row.number,) for row in withdrawn])
            connection.executemany(_INTEND, [_intended(row) for row in again])
            connection.executemany(_START, [(row.execution_id, row.number) for row in started])
            connection.executemany(_FINISH, [self._finished(row, result) for row, result in finished])

    def renew(self, row: Row) -> None:
        """Replace the inputs of a row that had no JSON form in an earlier run."""
        with self._transaction() as connection:
            connection.execute(_FORGET, (row.digest, row.text, row.number))

    def known(self, execution_ids: Iterable[str]) -> set[str]:
        """Return those of the executions that belong to rows."""
        with self._use() as connection:
            query = "SELECT execution_id FROM rows WHERE execution_id IN (SELECT value FROM json_each(?))"
            return {found for (found,) in connection.execute(query, (json.dumps(list(execution_ids)),))}

    def results(self) -> Iterator[RunResult]:
        """Iterate over the results, in the order of the rows. The run may have ended."""
        query = f"SELECT {_COLUMNS} FROM rows WHERE status IS NOT NULL ORDER BY row_index"
        if self._is_closed and self._owner is not None:
            try:
                uri = f"{Path(self._owner.real_path).as_uri()}?mode=ro"
                with closing(sqlite3.connect(uri, uri=True)) as connection:
                    records = connection.execute(query).fetchall()
            except sqlite3.Error as error:
                raise sqlite_error(self.path, error) from error
        else:
            with self._use() as connection:
                records = connection.execute(query).fetchall()
        for record in records:
            entry = JournalEntry(record)
            yield self.result(entry, entry.index)

    def result(self, entry: JournalEntry, index: int) -> RunResult:
        """Return the result that the journal has of a row, at the index that the row has now."""
        try:
            return entry.result(index)
        except (ValueError, TypeError, LookupError) as error:
            raise damaged_error(self.path, str(error)) from error

    def close(self) -> None:
        """End the run: another may have the journal. A second call does nothing.

        A temporary journal stays until nothing refers to it, for its results.
        """
        if self._is_closed:
            return
        self._is_closed = True
        if self.path and self._process == os.getpid():  # a fork must not touch the locks of its parent's SQLite
            with self._lock:
                self._connection.close()
        if self._file_lock is not None:
            self._file_lock.release()

    @contextmanager
    def _use(self) -> Generator[sqlite3.Connection]:
        if self._process != os.getpid():
            raise journal_error(self.path, "was opened before a fork: call run_many in the process that iterates")
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
        execution = None if result.execution is None else json.dumps(result.execution.model_dump(mode="json"))
        texts = [None if text is None else self.redact(text) for text in (execution, error_text(result.error))]
        return result.status, *texts, row.index, row.execution_id or None, row.number

    def _mark(self, number: int) -> bool:
        """Mark a row as seen in this run; return whether it was before. It takes a bit for each row."""
        place, bit = number >> 3, 1 << (number & 7)
        if place >= len(self._seen):
            self._seen.extend(bytes(max(1024, place + 1 - len(self._seen))))
        was_seen = bool(self._seen[place] & bit)
        self._seen[place] |= bit
        return was_seen


def _inserted(row: Row) -> tuple[object, ...]:
    key = row.idempotency_key or None
    return row.number, row.key, row.index, row.digest, row.text, key, row.intended_at or None


def _intended(row: Row) -> tuple[object, ...]:
    return row.idempotency_key, row.intended_at, row.index, row.number
