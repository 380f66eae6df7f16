"""The header that says what a journal belongs to, the tables of one in SQLite, and the checks of their content.

SQLite accepts a database whose write-ahead log is missing or too old, and doesn't notice flipped bits. So each row has
a checksum, and each commit writes a mark: into the database, and then into the lock file. The mark in the database says
whether its rows are those of one commit, the one in the lock file whether that was the last commit.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence
from secrets import token_hex
from typing import Any, Final, NamedTuple

from fibonacci._remedies import argument


class JournalMark(NamedTuple):
    """What a journal holds after a commit.

    Attributes:
        journal: Identifies the journal, whatever its path.
        run: Names the run that opened it last.
        commits: How many commits there were.
        rows: How many rows there are.
        total: The sum of their checksums.
    """

    journal: str
    run: str
    commits: int
    rows: int
    total: int

    @classmethod
    def new(cls) -> JournalMark:
        """Return the mark of a new journal."""
        return cls(token_hex(8), "0" * 16, 1, 0, 0)

    @classmethod
    def read(cls, text: str) -> JournalMark | None:
        """Return the mark in a text, or None if it isn't whole."""
        content, _, checksum = text.rpartition(" ")
        if not content or checksum != _checksum(content):
            return None
        journal, run, *counts = content.split(" ")
        commits, rows, total = (int(count, 16) for count in counts)
        return cls(journal, run, commits, rows, total)

    def __str__(self) -> str:
        content = f"{self.journal} {self.run} {self.commits:016x} {self.rows:016x} {self.total:016x}"
        return f"{content} {_checksum(content)}"  # of one length, so that one replaces another in place

    def fault(self, noted: JournalMark | None, lock: str) -> str | None:
        """Return why this is less than what was noted beside the database, or None if it isn't.

        The reason is the end of a sentence.

        Args:
            noted: The mark in the lock file, or None.
            lock: The path of that file.
        """
        if noted is None:
            return None
        if noted.journal != self.journal:
            return (
                f"is not the journal that {lock} belongs to: {_PUT_BACK}. If you put it here on purpose, remove {lock}"
            )
        if noted.commits > self.commits:
            missing = "1 commit" if noted.commits == self.commits + 1 else f"{noted.commits - self.commits} commits"
            return (
                f"lacks the last {missing} that {lock} counts, so one of its files is missing or too old: {_PUT_BACK}"
            )
        if noted.commits == self.commits and noted != self:
            return f"does not match what {lock} says about its last commit: {_PUT_BACK}"
        return None


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"


def checksum_of(record: Sequence[Any]) -> int:
    """Return the checksum of the fields of a row, which are values of SQLite."""
    return zlib.crc32("\0".join(map(str, record)).encode("utf-8", "surrogatepass"))


_PUT_BACK = (
    "put back all its files (-wal and -lock too) as its last run left them. If they are lost, nobody can tell which"
    " rows have run. Look at the executions of the workflow before you run rows again with another path"
)


def unmarked(lock: str) -> str:
    """Return what is wrong with a journal whose run didn't end, and that has no mark, as the end of a sentence."""
    return (
        f"was left by a run that did not end, and {lock}, which says what it must contain, is missing or damaged:"
        f" {_PUT_BACK}"
    )


def emptied(lock: str) -> str:
    """Return what is wrong with a journal that has lost its database, as the end of a sentence."""
    return (
        f"is missing or empty, but files that belong to it exist: {_PUT_BACK}. To run all rows again at this path, "
        f"remove {lock} and the -wal file"
    )


def mingled(path: str) -> str:
    """Return what is wrong with a journal that has files of different moments, as the end of a sentence."""
    return f"has a file next to it, {path}, that comes from another point in time: {_PUT_BACK}"


APPLICATION_ID: Final = 0x4649424A
"""In the header of the file, so that another program's database isn't taken for a journal."""

SCHEMA_VERSION: Final = 1

ROW_COLUMNS: Final = """
    key TEXT NOT NULL,
    row_index BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    inputs TEXT,
    idempotency_key TEXT,
    intended_at DOUBLE PRECISION,
    execution_id TEXT,
    status TEXT,
    version TEXT,
    settled_at DOUBLE PRECISION,
    execution TEXT,
    error TEXT,
    earlier TEXT,
    candidates TEXT"""
"""The columns of a row besides its number, in SQL that SQLite and PostgreSQL understand."""

_TABLES: Final = {
    "rows": f"""CREATE TABLE rows (
    number INTEGER PRIMARY KEY,{ROW_COLUMNS},
    checksum INTEGER NOT NULL DEFAULT 0,
    UNIQUE (key)
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
        workflow_id: The ID of the workflow.
        workflow_version: The version with which rows were started last, as text. None if unknown, or if any will do.
        key_rule: How keys are made: `index`, `column NAME` or `function`.
    """

    workflow_id: str
    workflow_version: str | None
    key_rule: str

    def difference(self, other: JournalHeader) -> str | None:
        """Return how another header differs, as the end of a sentence on the journal, or None if it doesn't."""
        if self.workflow_id != other.workflow_id:
            return f"belongs to the workflow {self.workflow_id}, not {other.workflow_id}: pass another journal"
        if (
            None not in (self.workflow_version, other.workflow_version)
            and self.workflow_version != other.workflow_version
        ):
            return (
                f"has rows of version {self.workflow_version} of the workflow, which is now at version "
                f"{other.workflow_version}: roll the workflow back, pass "
                f"{argument('if_new_version', 'continue')} to run the remaining rows with the new version, or "
                "pass another journal to run all rows with it"
            )
        if self.key_rule != other.key_rule:
            start = f"takes its keys from {self.key_rule}, not from {other.key_rule}: pass the same "
            return f"{start}{argument('key', ...)}, or another journal"
        return None


def version_text(version: object) -> str | None:
    """Return a version of a workflow as text, or None if the platform states none."""
    return str(version) if isinstance(version, int | str) and not isinstance(version, bool) else None


def create(connection: sqlite3.Connection, header: JournalHeader) -> JournalMark:
    """Create the tables of a new journal in one transaction, and return its mark."""
    mark = JournalMark.new()
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES.values():
        connection.execute(statement)
    connection.execute("INSERT INTO header VALUES (?, ?, ?, NULL)", (*header_values(header), str(mark)))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
    return mark


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether a database has nothing: a process may have been killed before it created the tables."""
    return bool(connection.execute(_EMPTY).fetchone()[0] == 0)


def fault_of(connection: sqlite3.Connection, *, is_noted: bool) -> str | None:
    """Return why a database isn't a journal that this version reads, as the end of a sentence, or None if it is.

    Args:
        connection: The database.
        is_noted: Whether there is a mark next to it, so that it was a journal at its last commit.

    Raises:
        ValueError: If it was one, and is damaged.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        if is_noted:
            raise ValueError("it is not marked as a journal")
        return "is another program's database: pass another path"
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        return newer_schema(version)
    return None


def newer_schema(version: int) -> str:
    """Return what is wrong with a journal of a later version, as the end of a sentence."""
    return f"was written by a newer fibonacci-sdk (schema {version}): update fibonacci-sdk"


def read_header(connection: sqlite3.Connection) -> tuple[JournalHeader, JournalMark]:
    """Return what a journal belongs to, and the mark of its last commit.

    Raises:
        ValueError: If the header is damaged.
    """
    records = connection.execute("SELECT content, checksum, mark FROM header").fetchall()
    mark = JournalMark.read(str(records[0][2])) if len(records) == 1 else None
    if mark is None or checksum_of(records[0][:1]) != records[0][1]:
        raise ValueError("its header differs from what was written")
    return JournalHeader(*json.loads(records[0][0])), mark


WRITE_HEADER: Final = "UPDATE header SET content = ?, checksum = ?"
WRITE_PROGRESS: Final = "UPDATE header SET progress = ?"
"""It has no checksum: no row depends on it."""


def header_values(header: JournalHeader) -> tuple[str, int]:
    """Return what a journal keeps of its header."""
    content = json.dumps(header)
    return content, checksum_of([content])


def read_mark(connection: sqlite3.Connection) -> str | None:
    """Return the mark of the last commit as a text, or None if there is none."""
    row = connection.execute("SELECT mark FROM header").fetchone()
    return None if row is None else str(row[0])


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
        raise ValueError("its tables are not a journal's tables")
    sums = connection.execute("SELECT count(*), coalesce(max(number), 0), coalesce(sum(checksum), 0) FROM rows")
    if sums.fetchone() != (mark.rows, mark.rows, mark.total):
        raise ValueError("its rows differ from its last commit")
    problems = connection.execute("PRAGMA integrity_check(1)").fetchall()
    if problems != [("ok",)]:
        raise ValueError(f"{problems[0][0]}" if problems else "its pages cannot be checked")
