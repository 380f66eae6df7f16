"""The state of an emulator, in memory; `sqlite` keeps the same in a file.

Records are plain JSON objects. A stored record is replaced and never changed in place, so that records need no copies
and other kinds of store are possible.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol, cast

from fibonacci.emulator.state.owners import Owners

Record = dict[str, Any]
Key = tuple[str, ...]

SCHEMA: Final = 1
"""The version of the records, in files and in snapshots."""

_FORMAT: Final = "fibonacci emulator"


class StateError(ValueError):
    """A file or a snapshot is not an emulator's state, or was written by a newer version."""


class Table(Protocol):
    """Records by key, in order of their first `put`."""

    def get(self, *key: str) -> Record | None:
        """Return one record, or `None`."""
        ...

    def put(self, *key: str, record: Record) -> None:
        """Add a record, or replace it in its place."""
        ...

    def delete(self, *key: str) -> bool:
        """Remove a record; return whether it existed."""
        ...

    def rows(self, *prefix: str, newest_first: bool = False) -> Iterator[tuple[int, Record]]:
        """Iterate over the records whose key begins with `prefix`, each with its permanent number."""
        ...

    def records(self, *prefix: str) -> Iterator[Record]:
        """Iterate over the records whose key begins with `prefix`."""
        ...

    def items(self) -> Iterator[tuple[Key, Record]]:
        """Iterate over all records with their keys."""
        ...

    def count(self) -> int:
        """Return the number of records."""
        ...

    def delete_all(self, *prefix: str) -> None:
        """Remove every record whose key begins with `prefix`."""
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
        """Add a record, or replace it in its place."""
        row = self._rows.get(key)
        if row is None:
            self._last += 1
        self._rows[key] = (self._last if row is None else row[0], record)

    def delete(self, *key: str) -> bool:
        """Remove a record; return whether it existed."""
        return self._rows.pop(key, None) is not None

    def rows(self, *prefix: str, newest_first: bool = False) -> Iterator[tuple[int, Record]]:
        """Iterate over the records whose key begins with `prefix`, each with its permanent number."""
        length = len(prefix)
        for key in reversed(self._rows) if newest_first else self._rows:
            if key[:length] == prefix:
                yield self._rows[key]

    def records(self, *prefix: str) -> Iterator[Record]:
        """Iterate over the records whose key begins with `prefix`."""
        return (record for _, record in self.rows(*prefix))

    def items(self) -> Iterator[tuple[Key, Record]]:
        """Iterate over all records with their keys."""
        return ((key, record) for key, (_, record) in self._rows.items())

    def count(self) -> int:
        """Return the number of records."""
        return len(self._rows)

    def delete_all(self, *prefix: str) -> None:
        """Remove every record whose key begins with `prefix`."""
        for key in [key for key in self._rows if key[: len(prefix)] == prefix]:
            del self._rows[key]


class Store:
    """One table per kind of record; the comments name the parts of the keys.

    Args:
        path: The file that keeps the records, if there is one.

    Attributes:
        owners: The processes that share the state.
        is_closed: Whether the file was closed.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.owners: Final = Owners(path)
        self.is_closed = False
        self._tables: dict[str, Table] = {}
        self._lock = threading.RLock()
        self.workflows: Table = self._add("workflows")  # workflow
        self.versions: Table = self._add("versions")  # workflow, version
        self.executions: Table = self._add("executions")  # execution
        self.runs: Table = self._add("runs")  # execution; only while it runs
        self.timers: Table = self._add("timers")  # execution; only while something is due in it
        self.calls: Table = self._add("calls")  # execution; only while a handler of it works
        self.held: Table = self._add("held")  # execution; only while it waits for approval
        self.traces: Table = self._add("traces")  # execution, node; what only the trace of an execution shows
        self.registry: Table = self._add("registry")  # workflow
        self.governance: Table = self._add("governance")  # organization
        self.quota_overrides: Table = self._add("quota_overrides")  # organization
        self.tool_policies: Table = self._add("tool_policies")  # organization, tool
        self.role_overrides: Table = self._add("role_overrides")  # organization, role, tool
        self.audit: Table = self._add("audit")  # organization, entry
        self.memory: Table = self._add("memory")  # scope, owner, key
        self.connections: Table = self._add("connections")  # tool
        self.run_windows: Table = self._add("run_windows")  # organization
        self.clock_state: Table = self._add("clock_state")  # "now"; only after the clock was moved
        self.rate_windows: Table = self._add("rate_windows")  # organization
        self.replays: Table = self._add("replays")  # fingerprint of the API key, idempotency key

    def transaction(self) -> AbstractContextManager[object]:
        """Lock the state; with a file, also make all changes inside or none.

        Every access to the state is inside a transaction. A nested one is part of the outer one.
        """
        return self._lock

    def snapshot(self) -> bytes:
        """Return the complete state.

        Returns:
            JSON for `restore`, of this store or another, of either kind.
        """
        with self.transaction():
            tables = {name: list(table.items()) for name, table in self._tables.items()}
            return json.dumps({"format": _FORMAT, "schema": SCHEMA, "tables": tables}).encode("ascii")

    def restore(self, snapshot: bytes) -> None:
        """Replace the state by that of a snapshot.

        Raises:
            StateError: If it is not a snapshot, or one of a newer version; nothing is changed.
        """
        tables = _tables_of(snapshot)
        if not tables.keys() <= self._tables.keys():
            raise StateError("the snapshot has tables that this version does not know")
        with self.transaction():
            self.reset()
            for name, rows in tables.items():
                for key, record in rows:
                    self._tables[name].put(*key, record=record)

    def reset(self) -> None:
        """Delete all records."""
        with self.transaction():
            for table in self._tables.values():
                table.delete_all()

    def open(self) -> None:
        """Open the file again after `close`, if there is one."""

    def close(self) -> None:
        """Close the file, if there is one; nothing opens it again but `open`."""

    def _add(self, name: str) -> Table:
        table = self._tables[name] = self._new_table(name)
        return table

    def _new_table(self, name: str) -> Table:
        return MemoryTable()


def check_schema(schema: int, what: str) -> None:
    """Refuse a state that a newer version of this package wrote.

    Raises:
        StateError: If it is newer; the message names the remedy.
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
