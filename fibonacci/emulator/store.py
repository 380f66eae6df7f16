"""Everything the emulator remembers.

Records are plain JSON objects. A record that was put is never changed in place, only replaced: so what was handed out
stays as it was, nothing is copied, and another kind of store can take this one's place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]
Key = tuple[str, ...]


class Table:
    """Records by key, in the order in which they were first put."""

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

    def delete_all(self, *prefix: str) -> None:
        """Remove every record whose key begins so."""
        for key in [key for key in self._rows if key[: len(prefix)] == prefix]:
            del self._rows[key]


@dataclass(slots=True)
class Store:
    """One table for each kind of record; the comments give the keys."""

    workflows: Table = field(default_factory=Table)  # workflow
    versions: Table = field(default_factory=Table)  # workflow, version
    executions: Table = field(default_factory=Table)  # execution
    registry: Table = field(default_factory=Table)  # workflow
    governance: Table = field(default_factory=Table)  # organization
    quota_overrides: Table = field(default_factory=Table)  # organization
    tool_policies: Table = field(default_factory=Table)  # organization, tool
    role_overrides: Table = field(default_factory=Table)  # organization, role, tool
    audit: Table = field(default_factory=Table)  # organization, entry
    memory: Table = field(default_factory=Table)  # scope, owner, key
    connections: Table = field(default_factory=Table)  # tool
