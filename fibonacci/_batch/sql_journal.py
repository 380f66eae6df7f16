"""A journal in a database: the statements that SQLite and PostgreSQL share, and how a run uses them."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from fibonacci._batch.journal import JournalEntry, attempt, attempts_in, attempts_text, candidate_facts, error_text
from fibonacci._batch.journal_errors import damaged_error, journal_error, reading_row
from fibonacci._batch.journal_schema import checksum_of
from fibonacci._batch.rows import Row, key_in, other_key, same_key_error
from fibonacci.errors import FibonacciError
from fibonacci.models.run_results import UNKNOWN, RunResult

COUNT: Final = "SELECT coalesce(max(number), 0) FROM {rows}"
_READ: Final = "SELECT {columns} FROM {rows} WHERE key = {value}"
_RESULTS: Final = "SELECT {columns} FROM {rows} WHERE status IS NOT NULL ORDER BY row_index"
_OF_ANOTHER: Final = "SELECT key FROM {rows} WHERE execution_id = {value} AND number <> {value}"


class Dialect(NamedTuple):
    """The parts of statements that differ between SQLite and PostgreSQL.

    Attributes:
        rows: Where the rows of the journal are.
        value: The placeholder of a value.
        header: Where the progress of the run is.
        columns: The columns that are read.
    """

    rows: str
    value: str
    header: str
    columns: str = ", ".join(JournalEntry._fields)

    def query(self, text: str) -> str:
        """Return a query in this dialect."""
        return text.format(**self._asdict())

    def upsert(self, table: str, names: Sequence[str], key: str, kept: str = "") -> str:
        """Return the statement that adds or replaces a row.

        Args:
            table: The table.
            names: The names of the columns.
            key: The columns that identify a row.
            kept: A column that keeps its value when it is written as NULL.
        """
        values = ", ".join([self.value] * len(names))
        new = {name: f"excluded.{name}" for name in names}
        if kept:
            new[kept] = f"coalesce(excluded.{kept}, {table}.{kept})"
        changes = ", ".join(f"{name} = {value}" for name, value in new.items())
        return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values}) ON CONFLICT ({key}) DO UPDATE SET {changes}"


def entry_in(path: str, record: Sequence[Any]) -> JournalEntry:
    """Return what a record of a journal says. One of SQLite ends with its checksum.

    Raises:
        JournalError: If it isn't what was written.
    """
    fields = record[: len(JournalEntry._fields)]
    if record[len(fields) :] not in ((), (checksum_of(fields),)):
        raise damaged_error(path, f"row {fields[0]} differs from what was written")
    return JournalEntry(*fields)


class JournalHolder(NamedTuple):
    """A run that has a journal.

    Attributes:
        run: The unique name of the run. Empty while it opens the journal.
        process: Its process, for messages.
    """

    run: str
    process: str


class SQLJournal(ABC):
    """Records three facts of each row: that it is going to be started, the ID of its execution, its result.

    What a method writes is durable when it returns. A row is always written whole, so that a write can be repeated.
    Threads may share a journal.

    Args:
        path: Where it is, for messages.
        last: The number of its last row, or 0.

    Attributes:
        is_durable: Whether it outlives the process. It does.
        is_new: Whether it had no rows when it was opened.
        redact: Removes the API key from what is written, because the platform may echo it.
    """

    is_durable: ClassVar[bool] = True

    def __init__(self, path: str, last: int) -> None:
        self.path: str = path
        self.is_new: bool = last == 0
        self.redact: Callable[[str], str] = str
        self._process = os.getpid()
        self._is_closed = False
        self._last = last
        self._is_doubtful = (
            False  # whether the last numbered rows may be missing, because Ctrl-C interrupted their write
        )
        self._seen = bytearray()
        self._unwritten: dict[str, int] = {}  # the indexes of rows that were read, by their keys
        self._lock = threading.Lock()

    @property
    @abstractmethod
    def is_asked_to_stop(self) -> bool:
        """Whether another process has requested that this run stops."""

    @abstractmethod
    def close(self) -> None:
        """End the run: another may have the journal. A second call does nothing."""

    @abstractmethod
    def _select(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """Return what a query finds. The run may have ended."""

    @abstractmethod
    def _change(self, entries: Iterable[JournalEntry], progress: str | None = None, version: str | None = None) -> None:
        """Write entries of rows in a transaction, if the journal is still this run's. They are read under its lock."""

    def find(self, row: Row, *, is_unique: bool) -> JournalEntry | None:
        """Return what is known of a row, and give the row its number.

        Args:
            row: The row, which was just read.
            is_unique: Whether no other row can have its key, so that a new journal need not be asked.

        Raises:
            ValueError: If another row of this run has its key.
        """
        if is_unique and self.is_new:
            return None
        entry, index = None, self._unwritten.get(row.key)
        if index is None:
            entry = self.entry(row.key)
            if entry is not None and self._mark(entry.number):
                index = entry.row_index
        if index is not None:
            raise same_key_error(index, row.index, row.key)
        if entry is not None:
            row.number = entry.number
        elif not is_unique:
            self._unwritten[row.key] = row.index
        return entry

    def has_unseen(self, key: str) -> bool:
        """Whether there is a row that this run has neither read nor started."""
        entry = self.entry(key)
        return entry is not None and not self._mark(entry.number)

    def write(self, rows: Sequence[Row], progress: str | None = None, version: str | None = None) -> None:
        """Write all at once.

        Args:
            rows: Rows, which are written as they are now.
            progress: The note on the progress of the run that replaces the one before. None to leave it.
            version: The version of the workflow with which rows are started from now on. None to leave it.
        """
        if not rows and progress is None and version is None:
            return
        if self._is_doubtful:
            self._last = self._select(COUNT)[0][0]
        new = [row for row in rows if not 0 < row.number <= self._last]
        self._is_doubtful = bool(new)
        for number, row in enumerate(new, self._last + 1):
            row.number = number
            self._mark(number)
        self._change(map(self._entry_of, rows), progress, version)
        self._last += len(new)
        self._is_doubtful = False
        for row in rows:
            row.is_recorded = True
            self._unwritten.pop(row.key, None)

    @property
    def is_empty(self) -> bool:
        """Whether it has no row."""
        return self._last == 0

    def results(self) -> Iterator[RunResult]:
        """Iterate over the results, in the order of the rows. The run may have ended."""
        for record in self._select(_RESULTS):
            entry = entry_in(self.path, record)
            with reading_row(self.path):
                result = entry.result(entry.row_index)
            yield result

    def settle(self, key: str, execution_id: str | None, *, has_failed: bool) -> RunResult:
        """Record what a person has found out about a row of unknown outcome, and return the row as it is afterwards.

        Args:
            key: Its key as a text. That of the other type is meant if there is no such row.
            execution_id: The ID of its execution. None if it has none.
            has_failed: Whether it counts as failed. If False, the next run starts a row without an execution.

        Raises:
            JournalError: If there is no such row, it isn't of unknown outcome, or the execution is that of another row.
        """
        other = other_key(key)
        entry = self.entry(key) or (None if other is None else self.entry(other))
        if entry is None:
            raise journal_error(self.path, f"has no row with the key {key_in(key)!r}")
        status = entry.present_status(math.inf)
        if status != UNKNOWN or entry.intended_at is None:
            reason = f"has the row {key_in(entry.key)!r} as {status}: only rows of unknown outcome can be settled"
            raise journal_error(self.path, reason)
        others = self._select(_OF_ANOTHER, (execution_id, entry.number))
        if others:
            raise journal_error(
                self.path, f"has the execution {execution_id} as that of the row {key_in(others[0][0])!r}"
            )
        now = time.time()
        settled = entry._replace(execution_id=execution_id, settled_at=now, candidates=None)
        if has_failed:
            error = error_text(FibonacciError("settled as failed: its outcome was unknown"))
            settled = settled._replace(execution_id=entry.execution_id, status="failed", error=error)
        elif execution_id is None:
            start = attempt(entry.execution_id, "not_started", entry.intended_at, None, now)
            earlier = attempts_text((*attempts_in(entry.earlier), start))
            settled = settled._replace(idempotency_key=None, settled_at=None, earlier=earlier)
        self._change([settled])
        return settled.result(settled.row_index, settled.present_status(math.inf))

    def entry(self, key: str) -> JournalEntry | None:
        """Return what is known of a row."""
        records = self._select(_READ, (key,))
        return entry_in(self.path, records[0]) if records else None

    def _process_lock(self) -> threading.Lock:
        """Return the lock for a `with` statement, unless this process is a fork.

        No context manager of this class takes it: Ctrl-C between taking it and the block would leave it taken.
        """
        if self._process != os.getpid():
            raise journal_error(self.path, "was opened before a fork: call run_many in the process that iterates")
        return self._lock

    def _entry_of(self, row: Row) -> JournalEntry:
        """Return what is written of a row."""
        result = row.result
        execution = error = None
        if result is not None:
            execution = None if result.execution is None else json.dumps(result.execution.model_dump(mode="json"))
            error = error_text(result.error)
        candidates = None if row.candidates is None else json.dumps([*map(candidate_facts, row.candidates)])
        return JournalEntry(
            number=row.number,
            key=row.key,
            row_index=row.index,
            digest=row.digest,
            inputs=row.text,
            idempotency_key=row.idempotency_key or None,
            intended_at=row.intended_at or None,
            execution_id=row.execution_id or None,
            status=None if result is None else result.status,
            version=row.version,
            settled_at=row.settled_at,
            execution=self._redacted(execution),
            error=self._redacted(error),
            earlier=attempts_text(row.earlier),
            candidates=self._redacted(candidates),
        )

    def _redacted(self, text: str | None) -> str | None:
        return None if text is None else self.redact(text)

    def _mark(self, number: int) -> bool:
        """Mark a row as seen in this run, and return whether it was before. It takes one bit per row."""
        place, bit = number >> 3, 1 << (number & 7)
        if place >= len(self._seen):
            self._seen.extend(bytes(max(1024, place + 1 - len(self._seen))))
        was_seen = bool(self._seen[place] & bit)
        self._seen[place] |= bit
        return was_seen
