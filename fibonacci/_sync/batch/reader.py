# Derived from fibonacci/_async/batch/reader.py by tests/tools/mirror.py; change that file, not this one.
"""Reading rows, and finding what the journal has of them."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fibonacci._batch.journal import JournalEntry
from fibonacci._batch.journal_errors import reading_row
from fibonacci._batch.rows import Row, can_be_read_again, key_in, other_key
from fibonacci._batch.sql_journal import SQLJournal
from fibonacci._remedies import remedy
from fibonacci._sync.batch import _workers
from fibonacci._sync.batch.context import BatchContext
from fibonacci._sync.batch.starter import interrupted
from fibonacci._texts.logging import log
from fibonacci.definitions.checks.inputs import InputsError, check_inputs, in_one_line

_log = logging.getLogger("fibonacci")
_END: Any = object()


class RowReader:
    """Reads rows as they are needed, and puts each into the phase that it has reached in the journal.

    Args:
        context: What the parts of the batch share.
        rows: The iterable of rows.
        resume: Takes a row that an earlier run started, with the ID of its execution.
    """

    def __init__(self, context: BatchContext, rows: _workers.Rows, resume: Callable[[Row, str], None]) -> None:
        self._context = context
        self._state = context.state
        self._journal = context.journal
        self._parser = context.options.parser
        # The keys of rows that can be read again were compared before.
        self._is_unique = self._parser.is_unique or can_be_read_again(rows)
        self._resume = resume
        self._source: _workers.RowSource = _workers.RowSource(rows)
        self._values: deque[Any] = deque()
        self._is_reading = False
        self._is_checked = False

    @property
    def is_far(self) -> bool:
        """Whether the next row has to wait for the result of an earlier one, because results are delivered in order."""
        return self._state.results.is_far(self._state.read)

    def read(self) -> bool:
        """Read one row, or return False if there is none now."""
        if self._state.is_exhausted or self.is_far:
            return False
        if self._source.may_wait and not self._values:
            if not self._is_reading:
                self._context.drive(self._read_beside())
            return False
        try:
            value = self._values.popleft() if self._values else self._source.read(_END)
            self._place(value)
        except Exception as error:  # from the user's iterable or functions, or an unusable key
            self._state.stop(error)
        return not self._state.is_exhausted

    def _read_beside(self) -> _workers.Steps:
        """Read one row of an iterable that may have to wait for it."""
        self._is_reading = True
        value, error = yield partial(self._source.read, _END)
        self._is_reading = False
        if error is None:
            self._values.append(value)
        else:
            self._state.stop(error)

    def _place(self, value: Any) -> None:
        """Make a row from a value, and put it into its phase."""
        state = self._state
        if value is _END:
            state.is_exhausted = True
            return
        index = state.read
        state.read += 1
        row, fault = self._parser.parse(index, value)
        entry = self._journal.find(row, is_unique=self._is_unique)
        if fault is not None and (entry is None or not entry.digest):
            state.finish(row, fault)
        elif entry is None:
            self._begin(row)
        else:
            self._continue(row, entry)

    def _begin(self, row: Row) -> None:
        """Take a row that will be started. The first of them is compared with the workflow and the journal.

        Raises:
            ValueError: If its inputs don't fit the workflow, or the journal has its key as the other type.
        """
        if not self._is_checked:
            self._is_checked = True
            if not row.number:
                self._check_key(row)
            check_first_row(row, self._context.definition, self._parser.key_column)
        self._state.move(row, "pending")

    def _check_key(self, row: Row) -> None:
        """Check the key of a row that isn't in the journal: if its type is wrong, the keys of all rows are."""
        other = other_key(row.key)
        if other is not None and isinstance(self._journal, SQLJournal) and self._journal.has_unseen(other):
            text = f"row {row.index} has the key {key_in(row.key)!r}, but the journal has {key_in(other)!r}"
            raise ValueError(f"{text}: numbers and texts are different keys. {remedy('key type')}")

    def _continue(self, row: Row, entry: JournalEntry) -> None:
        """Put a row into the phase in which an earlier run has left it."""
        state = self._state
        if entry.digest and entry.digest != row.digest:
            before: dict[str, Any] = json.loads(entry.inputs or "{}")
            now: dict[str, Any] = json.loads(row.text or "{}")
            names = [name for name in {**before, **now} if before.get(name, ...) != now.get(name, ...)]
            raise ValueError(
                f"row {row.index} has the key {key_in(row.key)!r}, for which the journal has other inputs"
                f" ({', '.join(map(repr, names))}). Inputs must not change between runs: pass another journal, other"
                " keys, or the same inputs as before with inputs=lambda row: ..."
            )
        row.is_recorded = bool(entry.digest)
        with reading_row(self._journal.path):
            result = entry.result(row.index) if entry.is_finished else entry.recall(row)
        if result is not None and (result.succeeded or not self._context.options.retry_failed):
            state.restore(result)
        elif result is not None:
            row.earlier = result.attempts
            self._begin(row)
        elif entry.execution_id is not None:
            if not state.take_back(row, entry.execution_id):
                self._resume(row, entry.execution_id)
        elif entry.idempotency_key is not None:
            row.error = interrupted(row)
            state.move(row, "pending")  # to be started again where that is safe
        else:
            self._begin(row)


def check_first_row(row: Row, definition: Mapping[str, Any] | None, key_column: str | None) -> None:
    """Check the first row that starts: a misspelled column is misspelled in every row. Possible mistakes are logged.

    Args:
        row: The row.
        definition: The definition of the workflow. None if the platform doesn't send it.
        key_column: The column that has the key, which need not be an input. None for none.

    Raises:
        ValueError: If its inputs don't fit the workflow.
    """
    problems = check_inputs(definition, row.inputs)
    if problems.errors:
        text = in_one_line(problems.errors)
        text = f"row {row.index} does not fit the workflow's inputs, so no row is started: {text}"
        raise InputsError(text, problems.errors, row.inputs)
    for problem in problems:
        if problem.location != f"inputs.{key_column}":
            log(_log, logging.INFO, "row %s: %s", row.index, in_one_line([problem]))
