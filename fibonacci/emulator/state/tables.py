"""Tables of records by key. The columns are the key, the fields that are searched for, and the record in JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from fibonacci._logging import log
from fibonacci.definitions.json_types import is_object
from fibonacci.emulator.state.json_encoding import to_text
from fibonacci.emulator.state.schema import RECORDS, names_of
from fibonacci.emulator.state.snapshot import SECRET, Key, UnreadableRecordError

if TYPE_CHECKING:
    from fibonacci.emulator.state.store import Store

RecordT = TypeVar("RecordT", bound=Mapping[str, object])

LAST_NUMBER: Final = 2**63 - 1
"""The largest number that a row may have."""

Where = Mapping[str, str]
_ALL: Final[Where] = {}
_MISSING: Final = object()
_MOST_KEPT: Final = 1_000

_log: Final = logging.getLogger("fibonacci.emulator")


def decoded(store: Store, text: str, name: str, key: str) -> Any:
    """Return what was stored as JSON.

    Raises:
        UnreadableRecordError: If it is damaged.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(name, key, error) from error
    return store.put_back(content) if SECRET in text else content


def damaged(name: str, key: str, fault: object) -> UnreadableRecordError:
    """Return the error for a damaged record."""
    return UnreadableRecordError(
        f"the record {key} of {name} is damaged ({fault}): restore a snapshot or reset the state"
    )


def or_logged(read: Callable[[Any], RecordT], row: Any) -> RecordT | None:
    """Return the record that a row of a list has, or log that it is damaged."""
    try:
        return read(row)
    except UnreadableRecordError as error:
        log(_log, logging.ERROR, "%s", error)
        return None


class Table(Generic[RecordT]):
    """The records of one kind, in the order in which they were first put.

    Args:
        store: The store that it is part of.
        name: The name of the table.
        record: The type of the records.
        is_kept: Whether records that were read are kept: nearly every request reads them.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        record: type[RecordT],
        *,
        is_kept: bool = False,
    ) -> None:
        self.name: Final = name
        self.record: Final = record
        self.key: Final[Key] = names_of(RECORDS[name].key)
        self._store = store
        self._columns = names_of(RECORDS[name].fields)
        self._due = next((column for column in self._columns if column in ("expires", "until")), None)
        self._kept: dict[Key, RecordT | None] | None = {} if is_kept else None
        if self._kept is not None:
            store.kept.append(self._kept)
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
            UnreadableRecordError: If the record is damaged.
        """
        kept = self._kept
        found: Any = _MISSING if kept is None else kept.get(key, _MISSING)
        if found is _MISSING:
            row = self._store.execute(self._get, key).fetchone()
            found = None if row is None else self._decoded(row[0], key)
            self._keep(key, found)
        return cast("RecordT | None", found)

    def put(self, *key: str, record: RecordT) -> None:
        """Add a record, or replace it in its place."""
        hidden = self._store.hide(record, self.record)
        values = [hidden.get(column) for column in self._columns]
        self._store.execute(self._put, (*key, *values, to_text(hidden)))
        self._keep(key, record)
        if self._due is not None:
            self._store.note_due(cast("float | None", record.get(self._due)))

    def restore(self, key: Key, record: RecordT) -> None:
        """Add a record of a snapshot."""
        self.put(*key, record=record)

    def delete(self, *key: str) -> bool:
        """Remove a record, and return whether it existed."""
        self._keep(key, None)
        return bool(self._store.execute(f"DELETE FROM {self._where}", key).rowcount)

    def delete_all(self, where: Where = _ALL) -> None:
        """Remove the records with these values in columns. Default: all."""
        if self._kept is not None:
            self._kept.clear()
        conditions = " AND ".join([f"{column} = ?" for column in where]) or "true"
        self._store.execute(f"DELETE FROM {self.name} WHERE {conditions}", [*where.values()])

    def delete_due(self, now: float) -> None:
        """Remove the records that have expired by a time."""
        self._store.execute(f"DELETE FROM {self.name} WHERE {self._due} <= ?", (now,))

    def keep_newest(self, keep: int) -> None:
        """Remove the records before the newest ones."""
        newest = f"(SELECT max(number) FROM {self.name})"
        self._store.execute(f"DELETE FROM {self.name} WHERE number <= {newest} - ?", (keep,))

    def rows(
        self, where: Where = _ALL, *, newest_first: bool = False, after: int | None = None, skip: int = 0
    ) -> Iterator[tuple[int, RecordT]]:
        """Iterate over records, each with its permanent number, but skip and log damaged ones.

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
            record = or_logged(lambda row: self._decoded(row[1], row[2:]), row)
            if record is not None:
                yield row[0], record

    def records(self, where: Where = _ALL) -> Iterator[RecordT]:
        """Iterate over records."""
        return (record for _, record in self.rows(where))

    def items(self) -> Iterator[tuple[Key, RecordT]]:
        """Iterate over all records with their keys."""
        names = ", ".join(self.key)
        for row in self._store.execute(f"SELECT record, {names} FROM {self.name} ORDER BY number"):
            record = or_logged(lambda row: self._decoded(row[0], row[1:]), row)
            if record is not None:
                yield tuple(map(str, row[1:])), record

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
        place = "/".join(map(str, key))
        record = decoded(self._store, text, self.name, place)
        if not is_object(record):
            raise damaged(self.name, place, "it is not an object")
        return cast("RecordT", record)

    def _keep(self, key: Key, record: RecordT | None) -> None:
        if self._kept is not None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = record
