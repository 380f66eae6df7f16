"""The header that says what a journal belongs to, and the tables of one in SQLite."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

APPLICATION_ID: Final = 0x4649424A
"""Stands in the header of the file, so that a database of another program is not taken for a journal."""

SCHEMA_VERSION: Final = 1

_TABLES: Final = (
    """
    CREATE TABLE rows (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        row_index INTEGER NOT NULL,
        digest BLOB NOT NULL,
        inputs TEXT,
        idempotency_key TEXT,
        intended_at REAL,
        execution_id TEXT,
        status TEXT,
        execution TEXT,
        error TEXT,
        version TEXT,
        earlier TEXT
    )
    """,
    "CREATE TABLE header (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
)


class JournalHeader(NamedTuple):
    """What a journal belongs to.

    Attributes:
        workflow_id: The id of the workflow.
        workflow_version: The version with which rows were started last, as a text; None where the platform states none.
        key_rule: How keys are made: `index`, `column NAME` or `function`.
    """

    workflow_id: str
    workflow_version: str | None
    key_rule: str

    def continues(self, version: str | None) -> bool:
        """Whether a run continues a journal with rows of a version of the workflow; None for an unknown one."""
        return None in (version, self.workflow_version) or version == self.workflow_version

    def difference(self, other: JournalHeader, another: str = "another path") -> str | None:
        """Return in which way another header differs, as the end of a sentence on the journal; None if it does not.

        Args:
            other: The other header.
            another: What names another journal.
        """
        if self.workflow_id != other.workflow_id:
            return f"belongs to the workflow {self.workflow_id}, not {other.workflow_id}: pass {another}"
        if not other.continues(self.workflow_version):
            return (
                f"has rows of version {self.workflow_version} of the workflow, which is now at version"
                f' {other.workflow_version}: roll the workflow back, pass if_new_version="continue" to run the rows'
                f" that are left with the new version, or pass {another} to run all rows with it"
            )
        if self.key_rule != other.key_rule:
            return f"has keys by {self.key_rule}, not by {other.key_rule}: pass the same key=, or {another}"
        return None


class AnyVersionHeader(JournalHeader):
    """What a run belongs to that continues a journal although the workflow has a new version."""

    __slots__ = ()

    def continues(self, version: str | None) -> bool:
        """Return True."""
        return True


def create(connection: sqlite3.Connection) -> None:
    """Create the tables, unless they are there."""
    connection.execute("BEGIN IMMEDIATE")
    if _is_empty(connection):
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def fault_of(connection: sqlite3.Connection) -> str | None:
    """Return why a database is not a journal that this version reads, as the end of a sentence; None if it is.

    An empty database is one: a process may have been killed before it created the tables.
    """
    if _is_empty(connection):
        return None
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        return "is a database of another program: pass another path"
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        return newer_schema(version)
    return None


def newer_schema(version: object) -> str:
    """Return what is wrong with a journal of a later schema, as the end of a sentence."""
    return f"was written by a newer fibonacci-sdk (schema {version}): update fibonacci-sdk"


def use_header(connection: sqlite3.Connection, header: JournalHeader) -> JournalHeader:
    """Return the header of a journal, which is the given one if it has none yet."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT OR IGNORE INTO header VALUES (?, ?)", zip(JournalHeader._fields, header, strict=True)
    )
    connection.execute("COMMIT")
    values: dict[str, str | None] = dict(connection.execute("SELECT name, value FROM header"))
    return JournalHeader(values["workflow_id"] or "", values["workflow_version"], values["key_rule"] or "")


def _is_empty(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0)
