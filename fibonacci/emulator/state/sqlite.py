"""The state in a SQLite file: it survives the process, and several processes may share it.

Every transaction is in the write-ahead log before the response is sent: a process that is killed loses no change that a
response has confirmed.
"""

from __future__ import annotations

import json
import sqlite3
import time
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fibonacci.emulator.state.json_encoding import to_json
from fibonacci.emulator.state.store import SCHEMA, Key, Record, StateError, Store, Table, check_schema

_APPLICATION: Final = 0x46494245
"""The application id of an emulator's SQLite file: the letters FIBE."""

BUSY_TIMEOUT: Final = 30.0
"""Seconds to wait for another process that is writing."""

_TABLE: Final = """
CREATE TABLE records (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (kind, key)
)
"""
_INDEX: Final = "CREATE INDEX records_in_order ON records (kind, number)"

_PUT: Final = """
INSERT INTO records (kind, key, record) VALUES (?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET record = excluded.record
"""
_AFTER_ALL: Final = "\x7f"
"""Sorts after every key: keys are ASCII."""


class SqliteStore(Store):
    """The state in a file.

    Args:
        path: The file, created if it does not exist.
        busy_timeout: Seconds to wait for another process that is writing.

    Raises:
        StateError: If it cannot be opened, is not an emulator's, or was written by a newer version.
    """

    def __init__(self, path: str | Path, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self._path: Final = Path(path).absolute()
        self._busy_timeout: Final = busy_timeout
        self._connection: sqlite3.Connection | None = None
        self._finalizer: weakref.finalize[[], SqliteStore] | None = None
        super().__init__(self._path)
        self.connection()

    def connection(self) -> sqlite3.Connection:
        """Return the connection to the file.

        Raises:
            StateError: If it was closed.
        """
        if self.is_closed:
            raise StateError(f"{self._path} was closed: start() opens it again")
        if self._connection is None:
            with self._lock:
                self._connection = _open(self._path, self._busy_timeout)
                self._finalizer = weakref.finalize(self, self._connection.close)
        return self._connection

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Lock the state, for this process and others; make all changes inside or none."""
        with self._lock:
            connection = self.connection()
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN IMMEDIATE")  # a read lock cannot always be upgraded to a write lock
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise

    def open(self) -> None:
        """Open the file again after `close`."""
        self.is_closed = False
        self.connection()

    def close(self) -> None:
        """Close the file; nothing opens it again but `open`."""
        with self._lock:
            self.is_closed = True
            self.owners.release()
            finalizer, self._finalizer, self._connection = self._finalizer, None, None
            if finalizer is not None:
                finalizer()

    def _new_table(self, name: str) -> Table:
        return _SqliteTable(self, name)


class _SqliteTable:
    def __init__(self, store: SqliteStore, kind: str) -> None:
        self._store = weakref.proxy(store)  # no cycle: the file is closed with the last reference to the store
        self._kind = kind

    def get(self, *key: str) -> Record | None:
        sql = "SELECT record FROM records WHERE kind = ? AND key = ?"
        row = self._execute(sql, _written(key)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, *key: str, record: Record) -> None:
        self._execute(_PUT, _written(key), to_json(record).decode("ascii"))

    def delete(self, *key: str) -> bool:
        return self._execute("DELETE FROM records WHERE kind = ? AND key = ?", _written(key)).rowcount > 0

    def rows(self, *prefix: str, newest_first: bool = False) -> Iterator[tuple[int, Record]]:
        order = "DESC" if newest_first else "ASC"
        where, bounds = _beginning_with(prefix)
        sql = f"SELECT number, record FROM records WHERE kind = ?{where} ORDER BY number {order}"
        return ((number, json.loads(record)) for number, record in self._execute(sql, *bounds))

    def records(self, *prefix: str) -> Iterator[Record]:
        return (record for _, record in self.rows(*prefix))

    def items(self) -> Iterator[tuple[Key, Record]]:
        sql = "SELECT key, record FROM records WHERE kind = ? ORDER BY number"
        return ((_read(key), json.loads(record)) for key, record in self._execute(sql))

    def count(self) -> int:
        count: int = self._execute("SELECT COUNT(*) FROM records WHERE kind = ?").fetchone()[0]
        return count

    def delete_all(self, *prefix: str) -> None:
        where, bounds = _beginning_with(prefix)
        self._execute(f"DELETE FROM records WHERE kind = ?{where}", *bounds)

    def _execute(self, sql: str, *values: str) -> sqlite3.Cursor:
        connection: sqlite3.Connection = self._store.connection()
        return connection.execute(sql, (self._kind, *values))


def _written(key: Key) -> str:
    """Encode a key so that a prefix of the key is a prefix of its text: each part is followed by a comma."""
    return "".join([f"{json.dumps(part)}," for part in key])


def _read(key: str) -> Key:
    return tuple(json.loads(f"[{key[:-1]}]"))


def _beginning_with(prefix: Key) -> tuple[str, tuple[str, ...]]:
    """Return the SQL condition for keys that begin with `prefix`, and its values."""
    if not prefix:
        return "", ()
    start = _written(prefix)
    return " AND key >= ? AND key < ?", (start, start + _AFTER_ALL)


def _open(path: Path, busy_timeout: float) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StateError(f"{path} cannot be opened: {error}") from error
    try:
        _prepare(connection, path, busy_timeout)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StateError(f"{path} cannot be used as the database of an emulator: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, busy_timeout: float) -> None:
    """Create the schema in a new file; refuse a file of another application and leave it unchanged."""
    connection.execute("BEGIN IMMEDIATE")  # of two processes that create the file, one finds it created
    application, schema = _number(connection, "application_id"), _number(connection, "user_version")
    is_new = _number(connection, "schema_version") == 0
    if not is_new and application != _APPLICATION:
        raise StateError(f"{path} is not the database of an emulator")
    check_schema(schema, str(path))
    if is_new:
        for sql in (_TABLE, _INDEX, f"PRAGMA application_id = {_APPLICATION}", f"PRAGMA user_version = {SCHEMA}"):
            connection.execute(sql)
    connection.execute("COMMIT")
    use_write_ahead_log(connection, busy_timeout)
    connection.execute(
        "PRAGMA synchronous = NORMAL"
    )  # safe after a kill; a power failure may lose the last transactions


def use_write_ahead_log(connection: sqlite3.Connection, busy_timeout: float) -> None:
    """Switch to the write-ahead log. SQLite has no busy timeout for this switch, hence the loop."""
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    number: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number
