"""Everything the emulator remembers, in the memory of this process; `sqlite_store` keeps the same in a file.

Records are plain JSON objects. A record that was put is never changed in place, only replaced: so what was handed out
stays as it was, nothing is copied, and another kind of store can take this one's place.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, cast

Record = dict[str, Any]
Key = tuple[str, ...]

SCHEMA: Final = 1
"""The version of what the records mean: of files and of snapshots."""

_FORMAT: Final = "fibonacci emulator"


class StateError(ValueError):
    """A file or a snapshot that does not hold an emulator's state, or holds that of a newer version."""


class Table(Protocol):
    """Records by key, in the order in which they were first put."""

    def get(self, *key: str) -> Record | None:
        """Return one record, or `None`."""
        ...

    def put(self, *key: str, record: Record) -> None:
        """Add a record, or replace it and keep its place."""
        ...

    def delete(self, *key: str) -> bool:
        """Remove a record; tell whether it was there."""
        ...

    def rows(self, *prefix: str, newest_first: bool = False) -> Iterator[tuple[int, Record]]:
        """Go through the records whose key begins so, each with its lasting number in this table."""
        ...

    def records(self, *prefix: str) -> Iterator[Record]:
        """Go through the records whose key begins so."""
        ...

    def items(self) -> Iterator[tuple[Key, Record]]:
        """Go through all records with their keys."""
        ...

    def count(self) -> int:
        """Return how many records there are."""
        ...

    def delete_all(self, *prefix: str) -> None:
        """Remove every record whose key begins so."""
        ...


class MemoryTable:
    """A table in a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[Key, tuple[int, Record]] = {}
        self._last = 0

    def get(self, *key: str) -> Record | None:
        """Return one record, or `None`."""
        row = self._rows.get(key)
        return None if row is None else row[1]

    def put(self, *key: str, record: Record) -> None:
        """Add a record, or replace it and keep its place."""
        row = self._rows.get(key)
        if row is None:
            self._last += 1
        self._rows[key] = (self._last if row is None else row[0], record)

    def delete(self, *key: str) -> bool:
        """Remove a record; tell whether it was there."""
        return self._rows.pop(key, None) is not None

    def rows(self, *prefix: str, newest_first: bool = False) -> Iterator[tuple[int, Record]]:
        """Go through the records whose key begins so, each with its lasting number in this table."""
        length = len(prefix)
        for key in reversed(self._rows) if newest_first else self._rows:
            if key[:length] == prefix:
                yield self._rows[key]

    def records(self, *prefix: str) -> Iterator[Record]:
        """Go through the records whose key begins so."""
        return (record for _, record in self.rows(*prefix))

    def items(self) -> Iterator[tuple[Key, Record]]:
        """Go through all records with their keys."""
        return ((key, record) for key, (_, record) in self._rows.items())

    def count(self) -> int:
        """Return how many records there are."""
        return len(self._rows)

    def delete_all(self, *prefix: str) -> None:
        """Remove every record whose key begins so."""
        for key in [key for key in self._rows if key[: len(prefix)] == prefix]:
            del self._rows[key]


class Store:
    """One table for each kind of record; the comments give the keys."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._lock = threading.RLock()
        self.workflows: Table = self._add("workflows")  # workflow
        self.versions: Table = self._add("versions")  # workflow, version
        self.executions: Table = self._add("executions")  # execution
        self.runs: Table = self._add("runs")  # execution; only while it runs
        self.timers: Table = self._add("timers")  # execution; only while something is due in it
        self.registry: Table = self._add("registry")  # workflow
        self.governance: Table = self._add("governance")  # organization
        self.quota_overrides: Table = self._add("quota_overrides")  # organization
        self.tool_policies: Table = self._add("tool_policies")  # organization, tool
        self.role_overrides: Table = self._add("role_overrides")  # organization, role, tool
        self.audit: Table = self._add("audit")  # organization, entry
        self.memory: Table = self._add("memory")  # scope, owner, key
        self.connections: Table = self._add("connections")  # tool
        self.run_windows: Table = self._add("run_windows")  # organization
        self.clock_state: Table = self._add("moments")  # "moved": when the clock was moved last
        self.rate_windows: Table = self._add("rate_windows")  # fingerprint of the API key
        self.replays: Table = self._add("replays")  # fingerprint of the API key, idempotency key

    def transaction(self) -> AbstractContextManager[object]:
        """Keep everybody else away from the state; with a file, also: all changes inside are made, or none.

        Whatever reads or changes the state does it in one of these. One inside another is a part of it.
        """
        return self._lock

    def snapshot(self) -> bytes:
        """Write the whole state down.

        Returns:
            JSON; `restore` reads it, in this store or in another, of either kind.
        """
        with self.transaction():
            tables = {name: list(table.items()) for name, table in self._tables.items()}
            return json.dumps({"format": _FORMAT, "schema": SCHEMA, "tables": tables}).encode("ascii")

    def restore(self, snapshot: bytes) -> None:
        """Put the state of a snapshot in the place of this one.

        Raises:
            StateError: When it is not a snapshot, or one of a newer version; nothing is changed then.
        """
        tables = _tables_of(snapshot)
        if not tables.keys() <= self._tables.keys():
            raise StateError("the snapshot holds what this version does not know")
        with self.transaction():
            self.reset()
            for name, rows in tables.items():
                for key, record in rows:
                    self._tables[name].put(*key, record=record)

    def reset(self) -> None:
        """Forget everything."""
        with self.transaction():
            for table in self._tables.values():
                table.delete_all()

    def close(self) -> None:
        """Let go of what holds the state; the next use takes it up again."""

    def _add(self, name: str) -> Table:
        table = self._tables[name] = self._new_table(name)
        return table

    def _new_table(self, name: str) -> Table:
        return MemoryTable()


def check_schema(schema: int, what: str) -> None:
    """Refuse a state that a newer version of this package has written.

    Raises:
        StateError: When it is newer; the message names it, and what to do.
    """
    if schema > SCHEMA:
        raise StateError(
            f"{what} was written by a newer fibonacci-sdk (schema {schema}; this one knows up to {SCHEMA}): upgrade it"
        )


def _tables_of(snapshot: bytes) -> dict[str, list[tuple[Key, Record]]]:
    try:
        content: Any = json.loads(snapshot)
        if content["format"] != _FORMAT:
            raise ValueError(content["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise StateError("this is not a snapshot of an emulator") from error
    check_schema(content["schema"], "the snapshot")
    return cast("dict[str, list[tuple[Key, Record]]]", content["tables"])
