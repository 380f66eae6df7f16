"""The header that says what a journal belongs to, and the tables of one in SQLite."""

from __future__ import annotations

import json
import sqlite3
from typing import Final, NamedTuple

from fibonacci._batch.journal_mark import JournalMark, checksum_of

APPLICATION_ID: Final = 0x4649424A
"""Stands in the header of the file, so that a database of another program is not taken for a journal."""

SCHEMA_VERSION: Final = 1

_TABLES: Final = {
    "rows": """CREATE TABLE rows (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        row_index INTEGER NOT NULL,
        digest BLOB NOT NULL,
        inputs TEXT,
        idempotency_key TEXT,
        intended_at REAL,
        execution_id TEXT,
        status TEXT,
        version TEXT,
        execution TEXT,
        error TEXT,
        earlier TEXT,
        checksum INTEGER NOT NULL
    )""",
    "header": """CREATE TABLE header (
        content TEXT NOT NULL,
        checksum INTEGER NOT NULL,
        mark TEXT NOT NULL,
        progress TEXT
    )""",
}
_EMPTY: Final = "SELECT count(*) FROM sqlite_master"


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


def newer_schema(version: object) -> str:
    """Return what is wrong with a journal of a later schema, as the end of a sentence."""
    return f"was written by a newer fibonacci-sdk (schema {version}): update fibonacci-sdk"


def create(connection: sqlite3.Connection, header: JournalHeader) -> JournalMark:
    """Create the tables of a new journal in one transaction; return its mark."""
    mark = JournalMark.new()
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES.values():
        connection.execute(statement)
    content = json.dumps(header)
    connection.execute("INSERT INTO header VALUES (?, ?, ?, NULL)", (content, checksum_of([content]), str(mark)))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
    return mark


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether a database has nothing: a process may have been killed before it created the tables."""
    return bool(connection.execute(_EMPTY).fetchone()[0] == 0)


def fault_of(connection: sqlite3.Connection, *, is_noted: bool) -> str | None:
    """Return why a database is not a journal that this version reads, as the end of a sentence; None if it is.

    Args:
        connection: The database.
        is_noted: Whether there is a mark beside it, so that it was a journal at its last commit.

    Raises:
        ValueError: If it was one, and is damaged.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        if is_noted:
            raise ValueError("it does not say that it is a journal")
        return "is a database of another program: pass another path"
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    return newer_schema(version) if version > SCHEMA_VERSION else None


def read_header(connection: sqlite3.Connection) -> tuple[JournalHeader, JournalMark]:
    """Return what a journal belongs to, and the mark of its last commit.

    Raises:
        ValueError: If the header is damaged.
    """
    records = connection.execute("SELECT content, checksum, mark FROM header").fetchall()
    mark = JournalMark.read(str(records[0][2])) if len(records) == 1 else None
    if mark is None or checksum_of(records[0][:1]) != records[0][1]:
        raise ValueError("its header is not what was written")
    return JournalHeader(*json.loads(records[0][0])), mark


def write_header(connection: sqlite3.Connection, header: JournalHeader) -> None:
    """Replace what a journal belongs to; its mark stays."""
    content = json.dumps(header)
    connection.execute("UPDATE header SET content = ?, checksum = ?", (content, checksum_of([content])))


def write_progress(connection: sqlite3.Connection, note: str) -> None:
    """Replace the note on the progress of the run. It has no checksum: no row depends on it."""
    connection.execute("UPDATE header SET progress = ?", (note,))


def read_progress(connection: sqlite3.Connection) -> str | None:
    """Return the note on the progress of the run; None if there is none."""
    found = connection.execute("SELECT progress FROM header").fetchone()
    return None if found is None or found[0] is None else str(found[0])


def read_mark(connection: sqlite3.Connection) -> str | None:
    """Return the mark of the last commit as a text; None if there is none."""
    found = connection.execute("SELECT mark FROM header").fetchone()
    return None if found is None else str(found[0])


def write_mark(connection: sqlite3.Connection, mark: str) -> None:
    """Write the mark of a transaction into it."""
    connection.execute("UPDATE header SET mark = ?", (mark,))


def verify(connection: sqlite3.Connection, mark: JournalMark) -> None:
    """Check that a journal has the rows of its last commit, all of them, and that each can be found by its key.

    What the rows have is checked when they are read.

    Raises:
        ValueError: If it is damaged.
    """
    tables = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if tables != _TABLES or version != SCHEMA_VERSION:
        raise ValueError("its tables are not those of a journal")
    found = connection.execute("SELECT count(*), coalesce(max(number), 0), coalesce(sum(checksum), 0) FROM rows")
    if found.fetchone() != (mark.rows, mark.rows, mark.total):
        raise ValueError("its rows are not those of its last commit")
    problems = connection.execute("PRAGMA integrity_check(1)").fetchall()
    if problems != [("ok",)]:
        raise ValueError(f"{problems[0][0]}" if problems else "its pages cannot be checked")
