"""The tables of the state in SQL. `docs/reference/emulator-state.md` describes them for those who query them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

APPLICATION: Final = 0x46494245
"""The application ID of an emulator's SQLite file: the letters FIBE."""

SCHEMA: Final = 3
"""The version of the tables."""

LAST_NUMBER: Final = 2**63 - 1
"""The largest number that a row may have."""

_TABLES: Final = """
-- A run is one row. What lists do not read comes last. The nodes of a long run that has not ended are in `nodes`, so
-- that an event writes the nodes that it changes and no others.
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
    nodes TEXT,
    trace TEXT,
    inputs_size INTEGER NOT NULL,
    inputs TEXT NOT NULL
);
CREATE INDEX executions_status ON executions (status);
CREATE INDEX executions_workflow ON executions (workflow_id, status);
CREATE INDEX executions_due ON executions (status, due) WHERE due IS NOT NULL;
CREATE INDEX executions_place ON executions (place) WHERE place IS NOT NULL;
CREATE INDEX executions_calls ON executions (calls) WHERE calls IS NOT NULL;
CREATE TABLE nodes (
    execution INTEGER NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, node TEXT NOT NULL, trace TEXT,
    PRIMARY KEY (execution, place)
) WITHOUT ROWID;
CREATE TRIGGER execution_gone AFTER DELETE ON executions BEGIN
    DELETE FROM nodes WHERE execution = OLD.number;
END;

-- How many rows there are of each kind, and the milliseconds of runs: to count 100,000 rows takes milliseconds.
CREATE TABLE tally (
    list TEXT, owner TEXT, value TEXT, n INTEGER, ms INTEGER, PRIMARY KEY (list, owner, value)
) WITHOUT ROWID;
"""


class RecordColumns(NamedTuple):
    """The columns of a table with records in JSON, besides the record.

    Attributes:
        key: Those of the key.
        fields: Those that are fields of the record too.
        computed: One that SQLite computes.
        indexes: What has an index.
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
    "replays": RecordColumns("fingerprint, key", "until REAL", indexes=["until"]),  # the keys are those of callers
}
"""The tables with records in JSON, by name."""


def names_of(columns: str) -> tuple[str, ...]:
    """Return the names in a list of columns."""
    return tuple([column.split()[0] for column in columns.split(", ")]) if columns else ()


_TALLIED: Final = {
    "executions": (("''", "workflow_id"), "status", "ms"),
    "workflows": (("''",), "''", "0"),
    "registry": (("''",), "status", "0"),
    "audit": (("organization",), "action", "0"),
}
"""The tables that are counted: by which owners, by which column, and what is added up."""


def create(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty database, inside a transaction."""
    for sql in (*_statements(_TABLES), *_tables_of_records(), *_tallies()):
        connection.execute(sql)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _tables_of_records() -> Iterator[str]:
    for name, (key, fields, computed, indexes) in RECORDS.items():
        columns = ["number INTEGER PRIMARY KEY AUTOINCREMENT", key, fields, computed, "record TEXT NOT NULL"]
        yield f"CREATE TABLE {name} ({', '.join(filter(None, columns))}, UNIQUE ({', '.join(names_of(key))}))"
        for number, index in enumerate(indexes):
            yield f"CREATE INDEX {name}_{number} ON {name} ({index})"


def _tallies() -> Iterator[str]:
    for table, (owners, value, ms) in _TALLIED.items():
        enter = [f"('{table}', {_of('NEW', owner)}, {_of('NEW', value)}, 1, {_of('NEW', ms)})" for owner in owners]
        entered = f"""
            INSERT INTO tally VALUES {", ".join(enter)}
                ON CONFLICT (list, owner, value) DO UPDATE SET n = n + 1, ms = ms + excluded.ms;
        """
        owned = ", ".join([_of("OLD", owner) for owner in owners])
        where = f"WHERE list = '{table}' AND owner IN ({owned}) AND value = {_of('OLD', value)}"
        left = f"""
            UPDATE tally SET n = n - 1, ms = ms - {_of("OLD", ms)} {where};
            DELETE FROM tally {where} AND n = 0;
        """
        change = f"({_of('OLD', value)}, {_of('OLD', ms)}) <> ({_of('NEW', value)}, {_of('NEW', ms)})"
        yield f"CREATE TRIGGER {table}_added AFTER INSERT ON {table} BEGIN {entered} END"
        yield f"CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN {left} END"
        yield f"CREATE TRIGGER {table}_moved AFTER UPDATE ON {table} WHEN {change} BEGIN {left} {entered} END"


def _of(row: str, column: str) -> str:
    return f"{row}.{column}" if column.isidentifier() else column


_UNDO: Final = (
    "CREATE TABLE undo (number INTEGER PRIMARY KEY, sql TEXT NOT NULL)",
    "CREATE TABLE marks (number INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, since INTEGER NOT NULL)",
)


def create_undo(connection: sqlite3.Connection) -> None:
    """Create the table of marks, and triggers that keep what undoes each change in SQL while there is a mark."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    names = [name for (name,) in tables if name != "tally"]  # whose triggers follow
    for sql in (*_UNDO, *(sql for name in names for sql in _undo_triggers(connection, name))):
        connection.execute(sql)


def _undo_triggers(connection: sqlite3.Connection, table: str) -> Iterator[str]:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({table})") if not row[6]]  # no computed ones
    key = ("execution", "place") if table == "nodes" else ("number",)
    values = " || ', ' || ".join([f"quote(OLD.{column})" for column in columns])
    changes = " || ', ' || ".join([f"'{column} = ' || quote(OLD.{column})" for column in columns])
    where = " || ' AND ' || ".join([f"'{part} = ' || {{row}}.{part}" for part in key])
    for event, sql in {
        "INSERT": f"'DELETE FROM {table} WHERE ' || {where.format(row='NEW')}",
        "UPDATE": f"'UPDATE {table} SET ' || {changes} || ' WHERE ' || {where.format(row='OLD')}",
        "DELETE": f"'INSERT INTO {table} ({', '.join(columns)}) VALUES (' || {values} || ')'",
    }.items():
        yield f"""
            CREATE TRIGGER {table}_undo_{event.lower()} AFTER {event} ON {table} WHEN EXISTS (SELECT 1 FROM marks)
            BEGIN INSERT INTO undo (sql) VALUES ({sql}); END
        """
