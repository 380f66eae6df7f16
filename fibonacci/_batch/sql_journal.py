"""A journal in a database: the statements that SQLite and PostgreSQL share, and what a run does with them."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from fibonacci._batch.journal import JournalEntry, attempt, attempts_text, candidate_facts, error_text
from fibonacci._batch.journal_errors import journal_error, reading_row
from fibonacci._batch.rows import Row, key_in, other_key
from fibonacci.errors import FibonacciError
from fibonacci.models.run_results import UNKNOWN, RunResult

COLUMNS: Final = (
    "number, key, row_index, digest, inputs, idempotency_key, intended_at, execution_id, status, version, settled_at,"
    " execution, error, earlier, candidates"
)
COUNT: Final = "SELECT coalesce(max(number), 0) FROM rows"
_INSERT: Final = (
    "INSERT INTO rows (number, key, row_index, digest, inputs, idempotency_key, intended_at, earlier)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_INTEND: Final = (
    "UPDATE rows SET idempotency_key = ?, intended_at = ?, row_index = ?, earlier = ?, execution_id = NULL,"
    " status = NULL, version = NULL, settled_at = NULL, execution = NULL, error = NULL, candidates = NULL"
    " WHERE number = ?"
)
_WITHDRAW: Final = "UPDATE rows SET idempotency_key = NULL WHERE number = ?"
_START: Final = "UPDATE rows SET execution_id = ?, version = ?, candidates = NULL WHERE number = ?"
_FINISH: Final = (
    "UPDATE rows SET status = ?, execution = ?, error = ?, row_index = ?, execution_id = ?, version = ?"
    " WHERE number = ?"
)
_LIST: Final = "UPDATE rows SET candidates = ? WHERE number = ?"
_SETTLE: Final = (
    "UPDATE rows SET idempotency_key = ?, execution_id = ?, status = ?, settled_at = ?, error = ?, earlier = ?,"
    " candidates = NULL WHERE number = ?"
)
_FORGET: Final = "UPDATE rows SET digest = ?, inputs = ?, status = NULL, error = NULL WHERE number = ?"
_OF_ANOTHER: Final = "SELECT key FROM rows WHERE execution_id = ? AND number <> ?"

Ended = tuple[Row, RunResult]

Change = tuple[str, Iterable[Sequence[object]]]
"""A statement, and the values for each time that it is carried out."""


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

    What a method writes is durable when it returns. Threads may share it.

    Args:
        path: Where it is, for messages.
        last: The number of its last row, or 0.

    Attributes:
        is_durable: Whether it outlives the process, as it does.
        is_new: Whether it had no rows when it was opened.
        redact: Removes the API key, which the platform may echo, from what is written.
    """

    is_durable: ClassVar[bool] = True
    _record: ClassVar[str] = f"SELECT {COLUMNS} FROM rows"
    _write_progress: str

    def __init__(self, path: str, last: int) -> None:
        self.path: str = path
        self.is_new: bool = last == 0
        self.redact: Callable[[str], str] = str
        self._process = os.getpid()
        self._is_closed = False
        self._last = last
        self._is_doubtful = False  # whether it has the rows that were numbered last: Ctrl-C may have kept it from that
        self._seen = bytearray()
        self._lock = threading.Lock()

    @property
    @abstractmethod
    def is_asked_to_stop(self) -> bool:
        """Whether another process has requested that this run stops."""

    @abstractmethod
    def continue_with(self, version: str) -> None:
        """Record that rows are started with another version of the workflow from now on."""

    @abstractmethod
    def close(self) -> None:
        """End the run: another may have the journal. A second call does nothing."""

    @abstractmethod
    def _select(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """Return what a query finds. The run may have ended."""

    @abstractmethod
    def _change(self, numbers: Iterable[int], changes: Iterable[Change]) -> None:
        """Change the rows with these numbers in a transaction, if the journal is still this run's."""

    def _entry(self, record: Sequence[Any]) -> JournalEntry:
        """Return what a record says, which `_record` has read."""
        return JournalEntry(record)

    def find(self, key: str, *, is_unique: bool) -> tuple[JournalEntry | None, bool]:
        """Return what is known of a row, and whether the same key was found or begun in this run before.

        Args:
            key: The key of the row.
            is_unique: Whether no two rows can have one key, so that a new journal need not be asked.
        """
        if is_unique and self.is_new:
            return None, False
        entry = self._read(key)
        return entry, entry is not None and self._mark(entry.number)

    def write(
        self,
        intended: Sequence[Row] = (),
        withdrawn: Sequence[Row] = (),
        started: Sequence[Row] = (),
        finished: Sequence[Ended] = (),
        listed: Sequence[Row] = (),
        progress: str | None = None,
    ) -> None:
        """Write all at once.

        Args:
            intended: Rows that are going to be started. They may be in the journal already, perhaps with the result of
                an earlier start, which is removed.
            withdrawn: Rows that were certainly not started. One of them may be among those that are started again.
            started: Rows with the ID of their execution.
            finished: Rows with their results.
            listed: Rows of unknown outcome with their candidates.
            progress: The note on the progress of the run that replaces the one before. None to leave it.
        """
        if not (intended or withdrawn or started or finished or listed or progress):
            return
        again = [row for row in intended if row.number]
        new = [row for row in [*intended, *(row for row, _ in finished)] if not row.number]
        if new:
            if self._is_doubtful:
                self._last = self._select(COUNT)[0][0]
            self._is_doubtful = True
            for row in new:
                self._last += 1
                row.number = self._last
                self._mark(row.number)

        changes: list[Change] = [
            (_INSERT, map(_inserted, new)),
            (_WITHDRAW, [(row.number,) for row in withdrawn]),
            (_INTEND, [_intended(row) for row in again]),
            (_START, [(row.execution_id or None, row.version, row.number) for row in started]),
            (_FINISH, [self._finished(row, result) for row, result in finished]),
            (_LIST, [self._listed(row) for row in listed]),
            (self._write_progress, [] if progress is None else [(progress,)]),
        ]
        rows = [*new, *withdrawn, *again, *started, *(row for row, _ in finished), *listed]
        self._change([row.number for row in rows], changes)
        if new:
            self._is_doubtful = False

    @property
    def is_empty(self) -> bool:
        """Whether it has no row."""
        return self._last == 0

    def renew(self, row: Row) -> None:
        """Replace the inputs of a row that had no JSON form in an earlier run."""
        self._change([row.number], [(_FORGET, [(row.digest, row.text, row.number)])])

    def results(self) -> Iterator[RunResult]:
        """Iterate over the results, in the order of the rows. The run may have ended."""
        for record in self._select(f"{self._record} WHERE status IS NOT NULL ORDER BY row_index"):
            entry = self._entry(record)
            yield self.result(entry, entry.index)

    def result(self, entry: JournalEntry, index: int) -> RunResult:
        """Return the result that the journal has of a row, at the index that the row has now."""
        with reading_row(self.path):
            return entry.result(index)

    def recall(self, row: Row, entry: JournalEntry) -> None:
        """Give a row what the journal has of its starts, the present one included."""
        row.idempotency_key, row.intended_at = entry.idempotency_key or "", entry.intended_at or 0.0
        row.version, row.settled_at = entry.version, entry.settled_at
        with reading_row(self.path):
            row.earlier = entry.earlier

    def settle(self, key: str, execution_id: str | None, *, has_failed: bool) -> RunResult:
        """Record what a person has found out about a row of unknown outcome, and return the row as it is then.

        Args:
            key: Its key as a text. That of the other type is meant if there is no such row.
            execution_id: The ID of its execution. None if it has none.
            has_failed: Whether it counts as failed. If False, the next run starts a row without an execution.

        Raises:
            JournalError: If there is no such row, it isn't of unknown outcome, or the execution is that of another row.
        """
        other = other_key(key)
        entry = self._read(key) or (None if other is None else self._read(other))
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
        start: Sequence[object] = (entry.idempotency_key, execution_id, None, now, None, attempts_text(entry.earlier))
        if has_failed:
            error = error_text(FibonacciError("settled as failed: its outcome was unknown"))
            start = (entry.idempotency_key, entry.execution_id, "failed", now, error, attempts_text(entry.earlier))
        elif execution_id is None:
            settled = attempt(entry.execution_id, "not_started", entry.intended_at, None, now)
            start = (None, None, None, None, None, attempts_text((*entry.earlier, settled)))
        self._change([entry.number], [(_SETTLE, [(*start, entry.number)])])
        changed = self._read(entry.key) or entry
        return changed.result(changed.index, changed.present_status(math.inf))

    def _read(self, key: str) -> JournalEntry | None:
        """Return what is known of a row."""
        records = self._select(f"{self._record} WHERE key = ?", (key,))
        return self._entry(records[0]) if records else None

    def _process_lock(self) -> threading.Lock:
        """Return the lock for a `with` statement, unless this process is a fork.

        No context manager of this class takes it: Ctrl-C between taking it and the block would leave it taken.
        """
        if self._process != os.getpid():
            raise journal_error(self.path, "was opened before a fork: call run_many in the process that iterates")
        return self._lock

    def _listed(self, row: Row) -> tuple[object, ...]:
        return self.redact(json.dumps([*map(candidate_facts, row.candidates)])), row.number

    def _finished(self, row: Row, result: RunResult) -> tuple[object, ...]:
        execution = None if result.execution is None else json.dumps(result.execution.model_dump(mode="json"))
        texts = [None if text is None else self.redact(text) for text in (execution, error_text(result.error))]
        return result.status, *texts, row.index, row.execution_id or None, row.version, row.number

    def _mark(self, number: int) -> bool:
        """Mark a row as seen in this run, and return whether it was before. It takes one bit per row."""
        place, bit = number >> 3, 1 << (number & 7)
        if place >= len(self._seen):
            self._seen.extend(bytes(max(1024, place + 1 - len(self._seen))))
        was_seen = bool(self._seen[place] & bit)
        self._seen[place] |= bit
        return was_seen


def _inserted(row: Row) -> tuple[object, ...]:
    start = row.idempotency_key or None, row.intended_at or None, attempts_text(row.earlier)
    return row.number, row.key, row.index, row.digest, row.text, *start


def _intended(row: Row) -> tuple[object, ...]:
    return row.idempotency_key, row.intended_at, row.index, attempts_text(row.earlier), row.number
