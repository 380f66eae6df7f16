"""Tables of records by key. The columns are the key, the fields that are searched for, and the record in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from fibonacci.emulator.state.json_encoding import to_text
from fibonacci.emulator.state.schema import RECORDS, names_of
from fibonacci.emulator.state.snapshot import SECRET, Key, StateError

if TYPE_CHECKING:
    from fibonacci.emulator.state.store import Store

RecordT = TypeVar("RecordT", bound=Mapping[str, object])

LAST_NUMBER: Final = 2**63 - 1
"""The largest number that a row may have."""

Where = Mapping[str, str]
_ALL: Final[Where] = {}
_MISSING: Final = object()
_MOST_CACHED: Final = 1_000


def decoded(store: Store, text: str, name: str, key: str) -> Any:
    """Return what was stored as JSON.

    Raises:
        StateError: If it is damaged.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        text = f"the record {key} of {name} is damaged ({error}): restore a snapshot or reset the state"
        raise StateError(text) from error
    return store.put_back(content) if SECRET in text else content


class Table(Generic[RecordT]):
    """The records of one kind, in the order in which they were first put.

    Args:
        store: The store that it is part of.
        name: The name of the table.
        record: The type of the records.
        is_cached: Whether records that were read are cached: nearly every request reads them.
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
        self.record: Final = record
        self.key: Final[Key] = names_of(RECORDS[name].key)
        self._store = store
        self._columns = names_of(RECORDS[name].fields)
        self._due = next((column for column in self._columns if column in ("expires", "until")), None)
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
        cache = self._cache
        found: Any = _MISSING if cache is None else cache.get(key, _MISSING)
        if found is _MISSING:
            row = self._store.execute(self._get, key).fetchone()
            found = None if row is None else self._decoded(row[0], key)
            self._remember(key, found)
        return cast("RecordT | None", found)

    def put(self, *key: str, record: RecordT) -> None:
        """Add a record, or replace it in its place."""
        hidden = self._store.hide(record, self.record)
        values = [hidden.get(column) for column in self._columns]
        self._store.execute(self._put, (*key, *values, to_text(hidden)))
        self._remember(key, record)
        if self._due is not None:
            self._store.note_due(cast("float | None", record.get(self._due)))

    def restore(self, key: Key, record: RecordT) -> None:
        """Add a record of a snapshot."""
        self.put(*key, record=record)

    def delete(self, *key: str) -> bool:
        """Remove a record, and return whether it existed."""
        self._remember(key, None)
        return bool(self._store.execute(f"DELETE FROM {self._where}", key).rowcount)

    def delete_all(self, where: Where = _ALL) -> None:
        """Remove the records with these values in columns. Default: all."""
        if self._cache is not None:
            self._cache.clear()
        conditions = " AND ".join([f"{column} = ?" for column in where]) or "true"
        self._store.execute(f"DELETE FROM {self.name} WHERE {conditions}", [*where.values()])

    def delete_due(self, now: float) -> None:
        """Remove the records that have expired by a time."""
        self._store.execute(f"DELETE FROM {self.name} WHERE {self._due} <= ?", (now,))

    def drop_oldest(self, keep: int) -> None:
        """Remove the records before the newest ones."""
        newest = f"(SELECT max(number) FROM {self.name})"
        self._store.execute(f"DELETE FROM {self.name} WHERE number <= {newest} - ?", (keep,))

    def rows(
        self, where: Where = _ALL, *, newest_first: bool = False, after: int | None = None, skip: int = 0
    ) -> Iterator[tuple[int, RecordT]]:
        """Iterate over records, each with its permanent number.

        Args:
            where: The values that columns have.
            newest_first: The order of the numbers: descending, else ascending.
            after: Begin behind this number, in this order.
            skip: How many records to skip without reading them.
        """
        order, beyond, first = ("DESC", "<", LAST_NUMBER) if newest_first else ("ASC", ">", 0)
        conditions = "".join([f"{column} = ? AND " for column in where])
        sql = (
            f"SELECT number, record, {', '.join(self.key)} FROM {self.name}"
            f" WHERE {conditions}number {beyond} ? ORDER BY number {order} LIMIT -1 OFFSET ?"
        )
        for row in self._store.execute(sql, (*where.values(), first if after is None else after, skip)):
            yield row[0], self._decoded(row[1], row[2:])

    def records(self, where: Where = _ALL) -> Iterator[RecordT]:
        """Iterate over records."""
        return (record for _, record in self.rows(where))

    def items(self) -> Iterator[tuple[Key, RecordT]]:
        """Iterate over all records with their keys."""
        names = ", ".join(self.key)
        for row in self._store.execute(f"SELECT record, {names} FROM {self.name} ORDER BY number"):
            yield tuple(map(str, row[1:])), self._decoded(row[0], row[1:])

    def count(self, where: Where = _ALL) -> int:
        """Return how many records there are."""
        conditions = "".join([f" WHERE {column} = ?" for column in where])
        row = self._store.execute(f"SELECT count(*) FROM {self.name}{conditions}", [*where.values()]).fetchone()
        return int(row[0])

    def counts(self, owner: str = "") -> dict[str, int]:
        """Return how many records there are with each value of the column that is counted."""
        sql = "SELECT value, n FROM tally WHERE list = ? AND owner = ?"
        return dict(self._store.execute(sql, (self.name, owner)))

    def _decoded(self, text: str, key: Sequence[object]) -> RecordT:
        record: RecordT = decoded(self._store, text, self.name, "/".join(map(str, key)))
        return record

    def _remember(self, key: Key, record: RecordT | None) -> None:
        if self._cache is not None:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            self._cache[key] = record
