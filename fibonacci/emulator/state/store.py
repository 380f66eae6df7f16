"""The state of an emulator, in memory or in a file: tables of records by key, and that of executions.

Records are plain JSON objects. A stored record is replaced and never changed in place, so that records need no copies.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from fibonacci.emulator.state.executions import ExecutionTable
from fibonacci.emulator.state.json_encoding import to_text
from fibonacci.emulator.state.owners import Owners
from fibonacci.emulator.state.records import (
    StoredAudit,
    StoredClock,
    StoredConnection,
    StoredGovernance,
    StoredMemory,
    StoredQuota,
    StoredRegistry,
    StoredReplay,
    StoredRoleOverride,
    StoredRunWindow,
    StoredToolPolicy,
    StoredVersion,
    StoredWorkflow,
)
from fibonacci.emulator.state.schema import LAST_NUMBER, RECORDS, names_of
from fibonacci.emulator.state.snapshot import (
    SECRET,
    Key,
    StateError,
    StateReadOnlyError,
    read_snapshot,
    write_snapshot,
)
from fibonacci.emulator.state.sqlite import explained, number_of, open_database

BUSY_TIMEOUT: Final = 5.0
"""Seconds to wait for another process that is writing."""

_NO_FILES: Final = ("", ":memory:")
"""Names that SQLite doesn't take for a file, although `Path(":memory:")` is one."""


def _unchanged(value: Any, shape: object = None) -> Any:
    return value


RecordT = TypeVar("RecordT", bound=Mapping[str, object])

Where = Mapping[str, str]
_ALL: Final[Where] = {}
_MAX_CACHED: Final = 1_000


class Table(Generic[RecordT]):
    """The records of one kind, in the order in which they were first stored.

    Args:
        store: The store that it is part of.
        name: The name of the table.
        record: The type of the records.
        is_cached: Whether to cache records that were read, since nearly every request reads them.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        record: type[RecordT],
        *,
        is_cached: bool = False,
    ) -> None:
        self.name: Final = name
        self.key: Final[Key] = names_of(RECORDS[name].key)
        self._record = record
        self._store = store
        self._columns = names_of(RECORDS[name].fields)
        self._cache: dict[Key, RecordT | None] | None = {} if is_cached else None
        if self._cache is not None:
            store.caches.append(self._cache)
        put = (*self.key, *self._columns, "record")
        changes = ", ".join([f"{column} = excluded.{column}" for column in (*self._columns, "record")])
        self._put = (
            f"INSERT INTO {name} ({', '.join(put)}) VALUES ({', '.join('?' * len(put))})"
            f" ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {changes}"
        )
        self._where = f"{name} WHERE {' AND '.join([f'{part} = ?' for part in self.key])}"
        self._get = f"SELECT record FROM {self._where}"

    def get(self, *key: str) -> RecordT | None:
        """Return one record, or `None`.

        Raises:
            StateError: If the record is damaged.
        """
        if self._cache is not None and key in self._cache:
            return self._cache[key]
        row = self._store.execute(self._get, self._stored(key)).fetchone()
        found = None if row is None else self._decoded(row[0], key)
        self._remember(key, found)
        return found

    def put(self, *key: str, record: RecordT) -> None:
        """Add a record, or replace the one with its key, which keeps its number."""
        hidden = self._store.hide(record, self._record)
        values = [hidden.get(column) for column in self._columns]
        self._store.execute(self._put, (*self._stored(key), *values, to_text(hidden)))
        self._remember(key, record)

    def delete(self, *key: str) -> bool:
        """Remove a record, and return whether it existed."""
        self._remember(key, None)
        return bool(self._store.execute(f"DELETE FROM {self._where}", self._stored(key)).rowcount)

    def delete_all(self, where: Where = _ALL) -> None:
        """Remove the records with these values in columns. Default: all."""
        if self._cache is not None:
            self._cache.clear()
        conditions = " AND ".join([f"{column} = ?" for column in where]) or "true"
        self._store.execute(f"DELETE FROM {self.name} WHERE {conditions}", [*where.values()])

    def delete_expired(self, column: str, now: float) -> None:
        """Remove the records whose time in a column has come."""
        self._store.execute(f"DELETE FROM {self.name} WHERE {column} <= ?", (now,))

    def drop_oldest(self, keep: int) -> None:
        """Remove the oldest records, and keep this many."""
        newest = f"(SELECT max(number) FROM {self.name})"
        self._store.execute(f"DELETE FROM {self.name} WHERE number <= {newest} - ?", (keep,))

    def rows(
        self, where: Where = _ALL, *, newest_first: bool = False, after: int | None = None
    ) -> Iterator[tuple[int, RecordT]]:
        """Iterate over records, each with its permanent number.

        Args:
            where: The values that columns must have.
            newest_first: Whether numbers descend. Otherwise they ascend.
            after: Begin after this number, in this order.
        """
        order, beyond, first = ("DESC", "<", LAST_NUMBER) if newest_first else ("ASC", ">", 0)
        conditions = "".join([f"{column} = ? AND " for column in where])
        sql = (
            f"SELECT number, record, {', '.join(self.key)} FROM {self.name}"
            f" WHERE {conditions}number {beyond} ? ORDER BY number {order}"
        )
        for row in self._store.execute(sql, (*where.values(), first if after is None else after)):
            yield row[0], self._decoded(row[1], row[2:])

    def records(self, where: Where = _ALL) -> Iterator[RecordT]:
        """Iterate over records."""
        return (record for _, record in self.rows(where))

    def count(self, where: Where = _ALL) -> int:
        """Return how many records there are."""
        conditions = "".join([f" WHERE {column} = ?" for column in where])
        row = self._store.execute(f"SELECT count(*) FROM {self.name}{conditions}", [*where.values()]).fetchone()
        return int(row[0])

    def counts(self, owner: str = "") -> dict[str, int]:
        """Return how many records, of an owner or of all, have each value of the first field that is a column."""
        where = f" WHERE {self.key[0]} = ?" if owner else ""
        sql = f"SELECT {self._columns[0]}, count(*) FROM {self.name}{where} GROUP BY 1"
        return dict(self._store.execute(sql, [owner] if owner else ()))

    def _stored(self, key: Key) -> Key:
        """Return a key as the database has it: only a part named `key`, the last one, may have a secret."""
        return (*key[:-1], self._store.hide(key[-1], str)) if self.key[-1] == "key" else key

    def _decoded(self, text: str, key: Sequence[object]) -> RecordT:
        record: RecordT = self._store.decoded(text, self.name, "/".join(map(str, key)))
        return record

    def _remember(self, key: Key, record: RecordT | None) -> None:
        if self._cache is not None:
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            self._cache[key] = record


class Store:
    """The tables of one state, in a SQLite database.

    Args:
        path: The file that keeps the state, created if it does not exist. Default: memory.
        hide: Takes a record and its type, and returns the record to store, without the values of secrets.
        put_back: Takes what was stored, and returns it with the values of secrets.
        busy_timeout: Seconds to wait for another process that is writing.

    Attributes:
        owners: The processes that share the state.
        is_closed: Whether the file was closed.
        is_reading: Whether the transaction must not write.
        hide: As passed to the constructor.
        put_back: As passed to the constructor.
        caches: What is known about the database. They are cleared when another process or a rollback changes it.

    Raises:
        StateError: If the file cannot be opened, is not an emulator's, or was written by another version.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        hide: Callable[[Any, Any], Any] = _unchanged,
        put_back: Callable[[Any], Any] = _unchanged,
        busy_timeout: float = BUSY_TIMEOUT,
    ) -> None:
        if path is not None and os.fspath(path) in _NO_FILES:
            raise StateError(f"{os.fspath(path)!r} is not the name of a file: leave it out to keep the state in memory")
        self._path: Final = None if path is None else Path(path).absolute()
        self._busy_timeout: Final = busy_timeout
        self.hide: Final = hide
        self.put_back: Final = put_back
        self.caches: list[dict[Any, Any]] = []
        self.owners: Final = Owners(self._path)
        self.is_closed: bool = False
        self.is_reading: bool = False
        self._marks: list[sqlite3.Connection] = []
        self._version = -1  # changes when another process writes
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._is_read_only = False
        self._finalizer: weakref.finalize[[], Store] | None = None
        self.executions: Final = ExecutionTable(self)
        self.workflows: Final = Table(self, "workflows", StoredWorkflow, is_cached=True)
        self.versions: Final = Table(self, "versions", StoredVersion, is_cached=True)
        self.registry: Final = Table(self, "registry", StoredRegistry)
        self.governance: Final = Table(self, "governance", StoredGovernance, is_cached=True)
        self.quota_overrides: Final = Table(self, "quota_overrides", StoredQuota, is_cached=True)
        self.tool_policies: Final = Table(self, "tool_policies", StoredToolPolicy, is_cached=True)
        self.role_overrides: Final = Table(self, "role_overrides", StoredRoleOverride, is_cached=True)
        self.audit: Final = Table(self, "audit", StoredAudit)
        self.memory: Final = Table(self, "memory", StoredMemory)
        self.connections: Final = Table(self, "connections", StoredConnection)
        self.run_windows: Final = Table(self, "run_windows", StoredRunWindow, is_cached=True)
        self.clock_state: Final = Table(self, "clock_state", StoredClock)
        self.replays: Final = Table(self, "replays", StoredReplay)
        self.connection()

    def connection(self) -> sqlite3.Connection:
        """Return the connection to the database, opened if necessary.

        Raises:
            StateError: If it was closed, or cannot be opened.
        """
        if self.is_closed:
            raise StateError(f"{self._path} was closed: open it again with start()")
        with self._lock:
            if self._connection is None:
                self._connection, self._is_read_only = open_database(self._path, self._busy_timeout)
                self._finalizer = weakref.finalize(self, self._connection.close)
                self._forget()
            return self._connection

    def execute(self, sql: str, values: Sequence[object] = ()) -> Any:
        """Execute one statement in the present transaction, and return its cursor."""
        return (self._connection or self.connection()).execute(sql, values)

    def decoded(self, text: str, name: str, key: str) -> Any:
        """Return what was stored as JSON.

        Raises:
            StateError: If it is damaged.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            text = f"the record {key} of {name} is damaged ({error}): restore a snapshot or reset the state"
            raise StateError(text) from error
        return self.put_back(content) if SECRET in text else content

    def transaction(self) -> AbstractContextManager[None]:
        """Lock the state, for this process and others, and make all changes in the block or none.

        Every access to the state is inside this or `reading`. A nested transaction is part of the outer one.

        Raises:
            StateError: If the file cannot be used. Nothing is changed. Its subclasses say why.
        """
        # not a read lock, which cannot always be upgraded to a write lock:
        return self._transaction("BEGIN IMMEDIATE")

    def reading(self) -> AbstractContextManager[None]:
        """Lock the state for reading, which also works while another process writes or the disk is full.

        Changes by other processes are not seen until the end.

        Raises:
            StateError: If the file cannot be used.
        """
        return self._transaction("BEGIN")

    @contextmanager
    def _transaction(self, statement: str) -> Generator[None]:
        with self._lock:
            connection = self._connection or self.connection()
            if connection.in_transaction:
                yield
                return
            self._begin(statement)
            self.is_reading = statement == "BEGIN"
            try:
                yield
                connection.execute("COMMIT")
            except BaseException as error:
                connection.rollback()
                self._forget()
                if isinstance(error, sqlite3.Error):
                    raise explained(error, self._path, self._busy_timeout) from error
                raise
            finally:
                self.is_reading = False

    def _begin(self, statement: str) -> None:
        connection = self.connection()
        if self._path is None:
            connection.execute(statement)
            return
        if self._is_read_only and statement != "BEGIN":
            raise StateReadOnlyError(f"{self._path} is read-only: nothing was changed")
        try:
            connection.execute(statement)
            version = number_of(connection, "data_version")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.rollback()
            raise explained(error, self._path, self._busy_timeout) from error
        if version != self._version:
            self._version = version
            self._forget()

    def _forget(self) -> None:
        for cache in self.caches:
            cache.clear()

    def snapshot(self) -> bytes:
        """Return the complete state, for `restore` of this store or another."""
        with self.reading():
            tables = {
                name: self.execute(f"SELECT {columns} FROM {name}").fetchall()
                for name, columns in self._tables().items()
            }
        return write_snapshot(tables)

    def restore(self, snapshot: bytes) -> None:
        """Replace the state with that of a snapshot, whose runs don't continue by themselves.

        Args:
            snapshot: The snapshot.

        Raises:
            StateError: If it is not a snapshot, is damaged, or is from another version. Nothing is changed.
        """
        tables = read_snapshot(snapshot)
        with self.transaction():
            for name, columns in self._tables().items():
                self.execute(f"DELETE FROM {name}")
                values = ", ".join("?" * len(columns.split(", ")))
                for row in tables[name]:
                    self.execute(f"INSERT INTO {name} ({columns}) VALUES ({values})", row)
            self._forget()

    def _tables(self) -> dict[str, str]:
        """Return the columns of each table, except computed ones. The table that triggers write comes last."""
        return {
            name: ", ".join([row[1] for row in self.execute(f"PRAGMA table_xinfo({name})") if not row[6]])
            for name in ("executions", *RECORDS, "tally")
        }

    def reset(self) -> None:
        """Delete all records."""
        with self.transaction():
            for name in self._tables():
                self.execute(f"DELETE FROM {name}")
            self._forget()

    @property
    def is_marked(self) -> bool:
        """Whether the changes since a mark may be undone."""
        return bool(self._marks)

    def mark(self) -> int:
        """Keep a copy of the state as it is now, and return its number for `undo`."""
        with self._lock:
            copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self.connection().backup(copy)
            self._marks.append(copy)
            return len(self._marks) - 1

    def undo(self, mark: int) -> None:
        """Undo all changes since a mark, even those of other processes, and drop the mark and those after it.

        Raises:
            StateError: If that cannot be stored. Nothing is changed.
        """
        with self._lock:
            copies, self._marks[mark:] = self._marks[mark:], []
            try:
                for copy in copies[:1]:
                    copy.backup(self.connection())
            except sqlite3.Error as error:
                raise explained(error, self._path, self._busy_timeout) from error
            finally:
                self._forget()
                for copy in copies:
                    copy.close()

    def open(self) -> None:
        """Open the file again after `close`, if there is one."""
        self.is_closed = False
        self.connection()

    def close(self) -> None:
        """Close the file, if there is one. Only `open` opens it again."""
        if self._path is None:
            return
        with self._lock:
            self.is_closed = True
            self.owners.release()
            finalizer, self._finalizer, self._connection = self._finalizer, None, None
            if finalizer is not None:
                finalizer()
