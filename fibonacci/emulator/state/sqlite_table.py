"""A table of a SQLite state."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from fibonacci._log_records import log
from fibonacci.definitions.json_types import is_object
from fibonacci.emulator.state.errors import UnreadableRecordError
from fibonacci.emulator.state.sqlite_schema import PUT, columns, decoded_key, encoded_key
from fibonacci.emulator.state.tables import SECRET, Key, Record, TableKind

_AFTER_ALL: Final = "\x7f"
"""Sorts after every key: keys are ASCII."""

_log: Final = logging.getLogger("fibonacci.emulator")


class Executor(Protocol):
    """Executes statements.

    Attributes:
        hide: Returns a record without secrets.
        put_back: Returns a record as it was before.
    """

    hide: Callable[[Any], Any]
    put_back: Callable[[Any], Any]

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        """Execute one statement in the present transaction."""
        ...


class SqliteTable:
    """A table in a file.

    Args:
        store: Executes its statements.
        kind: The kind of its records.
    """

    def __init__(self, store: Executor, kind: TableKind) -> None:
        self._store = store
        self._kind = kind
        self._name = kind.name

    def get(self, *key: str) -> Record | None:
        """Return one record, or `None`."""
        text = encoded_key(key)
        row = self._execute("SELECT record, apart FROM records WHERE kind = ? AND key = ?", text).fetchone()
        return None if row is None else self._decoded(text, *row)

    def put(self, *key: str, record: Record) -> None:
        """Add a record, or replace it in its place."""
        self._execute(PUT, *columns(self._kind, key, record, self._store.hide))

    def delete(self, *key: str) -> bool:
        """Remove a record; return whether it existed."""
        return self._execute("DELETE FROM records WHERE kind = ? AND key = ?", encoded_key(key)).rowcount > 0

    def rows(
        self, *name: str, newest_first: bool = False, after: int | None = None, brief: bool = False, skip: int = 0
    ) -> Iterator[tuple[int, Record]]:
        """Iterate over the records of a list; damaged ones are skipped and logged."""
        for number, key, *texts in self._listed(
            "key, record" if brief else "key, record, apart", name, newest_first, after, skip
        ):
            record = self._decoded_or_logged(key, *texts)
            if record is not None:
                yield number, record

    def records(self, *name: str) -> Iterator[Record]:
        """Iterate over the records of a list."""
        return (record for _, record in self.rows(*name))

    def keys(self, *name: str) -> Iterator[Key]:
        """Iterate over the keys of a list."""
        return (decoded_key(key) for _, key in self._listed("key", name))

    def items(self) -> Iterator[tuple[Key, Record]]:
        """Iterate over all records with their keys."""
        sql = "SELECT key, record, apart FROM records WHERE kind = ? ORDER BY number"
        for key, record, apart in self._execute(sql):
            decoded = self._decoded_or_logged(key, record, apart)
            if decoded is not None:
                yield decoded_key(key), decoded

    def due(self, now: float) -> Iterator[Key]:
        """Iterate over the keys of the records that are due by a time."""
        sql = "SELECT key FROM records WHERE kind = ? AND due IS NOT NULL AND due <= ? ORDER BY due, key"
        return (decoded_key(key) for (key,) in self._execute(sql, now))

    def count(self, *name: str) -> int:
        """Return the number of records of a list."""
        row = self._execute("SELECT count FROM counts WHERE kind = ? AND list = ?", encoded_key(name)).fetchone()
        return 0 if row is None else int(row[0])

    def counts(self, *name: str) -> dict[str, int]:
        """Return the number of records of each list below `name`."""
        start = encoded_key(name)
        sql = "SELECT list, count FROM counts WHERE kind = ? AND list > ? AND list < ?"
        found = ((decoded_key(text), count) for text, count in self._execute(sql, start, start + _AFTER_ALL))
        return {key[-1]: count for key, count in found if len(key) == len(name) + 1}

    def delete_all(self, *prefix: str) -> None:
        """Remove every record whose key begins with `prefix`."""
        start = encoded_key(prefix)
        self._execute("DELETE FROM records WHERE kind = ? AND key >= ? AND key < ?", start, start + _AFTER_ALL)

    def _listed(
        self, columns: str, name: Key, newest_first: bool = False, after: int | None = None, skip: int = 0
    ) -> Iterator[tuple[Any, ...]]:
        order, beyond = ("DESC", "<") if newest_first else ("ASC", ">")
        values: list[Any] = [encoded_key(name)]
        where = ""
        if after is not None:
            where = f" AND lists.number {beyond} ?"
            values.append(after)
        sql = (
            f"SELECT lists.number, {columns} FROM lists CROSS JOIN records ON records.number = lists.number"
            f" WHERE lists.kind = ? AND list = ?{where} ORDER BY lists.number {order}"
        )
        return self._execute(f"{sql} LIMIT -1 OFFSET ?", *values, skip) if skip else self._execute(sql, *values)

    def _decoded(self, key: str, record: str, apart: str | None = None) -> Record:
        try:
            decoded: Any = json.loads(record)
            if not is_object(decoded):
                raise ValueError("it is not an object")
            found = dict(decoded) if apart is None else {**decoded, **json.loads(apart)}
            has_secret = SECRET in record or (apart is not None and SECRET in apart)
            return self._store.put_back(found) if has_secret else found
        except (ValueError, TypeError, RecursionError) as error:
            raise UnreadableRecordError(
                f"the record {'/'.join(decoded_key(key))} of {self._name} is damaged ({error}): replace or delete it"
            ) from error

    def _decoded_or_logged(self, key: str, record: str, apart: str | None = None) -> Record | None:
        try:
            return self._decoded(key, record, apart)
        except UnreadableRecordError as error:
            log(_log, logging.ERROR, "%s", error)
            return None

    def _execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        return self._store.execute(sql, self._name, *values)
