"""The tables of the state in SQL. `docs/reference/emulator-state.md` describes them for those who query them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

APPLICATION: Final = 0x46494245
"""The application ID of an emulator's SQLite file: the letters FIBE."""

SCHEMA: Final = 4
"""The version of the tables, in files and in snapshots."""

LAST_NUMBER: Final = 2**63 - 1
"""The largest number that a row may have."""

_TABLES: Final = """
-- A run is one row. What lists do not read comes last.
CREATE TABLE executions (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    workflow_id TEXT NOT NULL,
    workflow_version INTEGER NOT NULL,
    status TEXT NOT NULL,
    error TEXT,
    role TEXT,
    created REAL NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    ms INTEGER AS (max(0, CAST(round(coalesce(ended, started) * 1000000) AS INTEGER) / 1000
                        - CAST(round(started * 1000000) AS INTEGER) / 1000)),
    due REAL,
    place INTEGER,
    calls TEXT,
    approval TEXT,
    definition TEXT,
    outputs TEXT NOT NULL,
    nodes TEXT NOT NULL,
    trace TEXT,
    inputs_size INTEGER NOT NULL,
    inputs TEXT NOT NULL
);

CREATE INDEX executions_status ON executions (status);

CREATE INDEX executions_workflow ON executions (workflow_id, status);

CREATE INDEX executions_due ON executions (status, due) WHERE due IS NOT NULL;

CREATE INDEX executions_place ON executions (place) WHERE place IS NOT NULL;

CREATE INDEX executions_calls ON executions (calls) WHERE calls IS NOT NULL;

-- How many runs there are of a workflow and a status, how many there were in total, and their milliseconds. A workflow
-- without an ID stands for all. To count 100,000 rows would take milliseconds.
CREATE TABLE tally (
    workflow_id TEXT, status TEXT, n INTEGER, total INTEGER, ms INTEGER, PRIMARY KEY (workflow_id, status)
) WITHOUT ROWID;

CREATE TRIGGER execution_added AFTER INSERT ON executions BEGIN
    INSERT INTO tally VALUES (NEW.workflow_id, NEW.status, 1, 1, NEW.ms), ('', NEW.status, 1, 1, NEW.ms)
        ON CONFLICT DO UPDATE SET n = n + 1, total = total + 1, ms = ms + excluded.ms;
END;

CREATE TRIGGER execution_moved AFTER UPDATE ON executions WHEN (OLD.status, OLD.ms) <> (NEW.status, NEW.ms) BEGIN
    UPDATE tally SET n = n - 1, total = total - 1, ms = ms - OLD.ms
        WHERE workflow_id IN (OLD.workflow_id, '') AND status = OLD.status;
    INSERT INTO tally VALUES (NEW.workflow_id, NEW.status, 1, 1, NEW.ms), ('', NEW.status, 1, 1, NEW.ms)
        ON CONFLICT DO UPDATE SET n = n + 1, total = total + 1, ms = ms + excluded.ms;
END;

CREATE TRIGGER execution_dropped AFTER DELETE ON executions BEGIN
    UPDATE tally SET n = n - 1 WHERE workflow_id IN (OLD.workflow_id, '') AND status = OLD.status;
END;
"""


class RecordColumns(NamedTuple):
    """The columns of a table with records in JSON, besides the record.

    Attributes:
        key: The columns of the key.
        fields: Columns that are fields of the record too.
        computed: A column that SQLite computes.
        indexes: The columns that have an index.
    """

    key: str
    fields: str = ""
    computed: str = ""
    indexes: Sequence[str] = ()


RECORDS: Final[Mapping[str, RecordColumns]] = {
    "workflows": RecordColumns("id", "name"),
    "versions": RecordColumns("workflow_id, version INTEGER", indexes=["workflow_id"]),
    "registry": RecordColumns("workflow_id", "status", "is_listed INTEGER AS (status <> 'archived')", ["is_listed"]),
    "governance": RecordColumns("organization"),
    "quota_overrides": RecordColumns("organization"),
    "tool_policies": RecordColumns("organization, tool_name", indexes=["organization"]),
    "role_overrides": RecordColumns("organization, role, tool_name", indexes=["organization"]),
    "audit": RecordColumns("organization, id", "action", indexes=["organization", "organization, action"]),
    "memory": RecordColumns("scope, owner, key", "expires REAL", indexes=["scope", "expires"]),
    "connections": RecordColumns("name"),
    "run_windows": RecordColumns("organization"),
    "clock_state": RecordColumns("clock"),  # only after the clock was moved
    "replays": RecordColumns("fingerprint, key", "until REAL", indexes=["until"]),  # callers choose the keys
}
"""The tables with records in JSON, by name."""


def names_of(columns: str) -> tuple[str, ...]:
    """Return the names in a list of columns."""
    return tuple([column.split()[0] for column in columns.split(", ")]) if columns else ()


def create(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty database, inside a transaction."""
    for sql in (*_TABLES.split("\n\n"), *_tables_of_records()):
        connection.execute(sql)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _tables_of_records() -> Iterator[str]:
    for name, (key, fields, computed, indexes) in RECORDS.items():
        columns = ["number INTEGER PRIMARY KEY AUTOINCREMENT", key, fields, computed, "record TEXT NOT NULL"]
        yield f"CREATE TABLE {name} ({', '.join(filter(None, columns))}, UNIQUE ({', '.join(names_of(key))}))"
        for number, index in enumerate(indexes):
            yield f"CREATE INDEX {name}_{number} ON {name} ({index})"
