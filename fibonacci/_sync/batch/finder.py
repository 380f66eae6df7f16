# Derived from fibonacci/_async/batch/finder.py by tests/mirror.py; change that file, not this one.
"""Looking for the executions of rows whose start had no response, in the list of executions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from fibonacci._batch.row import Row
from fibonacci._batch.search import created_at, earliest, inputs_digest, matches
from fibonacci._batch.start_outcome import is_transient
from fibonacci._log_records import log
from fibonacci._sync.batch.context import BatchContext
from fibonacci.errors import NotFoundError
from fibonacci.models.executions import Execution
from fibonacci.models.page import Page

_log = logging.getLogger("fibonacci")

Candidates = list[tuple[Execution, bytes]]


class RowFinder:
    """Finds the executions of rows of unknown outcome.

    Args:
        context: What the parts of the batch share.
        follow: Takes a row with its execution.

    Attributes:
        is_searching: Whether a search is under way.
    """

    def __init__(self, context: BatchContext, follow: Callable[[Row, Execution], None]) -> None:
        self._context = context
        self._follow = follow
        self.is_searching: bool = False

    def search(self, rows: Sequence[Row]) -> None:
        """Search for the executions of rows, in a worker."""
        self.is_searching = True
        self._context.state.searched.update(row.index for row in rows)
        # An execution with the inputs of a row that is just being started may be that row's.
        ambiguous = {row.digest for row in self._context.state.starting.values()}
        self._context.work(partial(self._search, [row for row in rows if row.digest not in ambiguous]))

    def _search(self, rows: Sequence[Row]) -> None:
        try:
            candidates = self._candidates(rows) if rows else []
            ids = [execution.id for execution, _ in candidates]
            known = self._context.use_journal(partial(self._context.journal.known, ids))
            found = matches(rows, [each for each in candidates if each[0].id not in known])
        except BaseException as error:
            self._context.report(partial(self._failed, rows, error))
            if not isinstance(error, Exception):
                raise
        else:
            self._context.report(partial(self._found, found))

    def _candidates(self, rows: Sequence[Row]) -> Candidates:
        """Return the executions since the first intent that have the inputs of a row."""
        since, digests = earliest(rows), {row.digest for row in rows}
        found: Candidates = []
        following = None
        while True:
            page, following = self._context.requests.page(following)
            for execution in page.items:
                if (created_at(execution) or 0.0) >= since:
                    digest = self._digest(execution)
                    if digest in digests:
                        found.append((execution, digest))
            if following is None or _is_past(page, since):
                return found

    def _digest(self, execution: Execution) -> bytes:
        """Return the digest of an execution's inputs, which are read if the list does not give them."""
        digest = inputs_digest(execution)
        if digest is None:
            try:
                digest = inputs_digest(self._context.requests.execution(execution.id))
            except NotFoundError:  # it was removed meanwhile
                digest = None
        return digest or b""

    def _found(self, found: Sequence[tuple[Row, Execution]]) -> None:
        self.is_searching = False
        for row, execution in found:
            text = "row %s: its execution is taken to be %s, the only one with its inputs"
            log(_log, logging.WARNING, text, row.key, execution.id, execution_id=execution.id)
            del self._context.state.unknown[row.index]
            row.error = None
            row.version = self._context.versions.current
            row.execution_id = execution.id
            self._context.state.started.append(row)
            row.begin(self._context.now, self._context.options.timeout)
            self._follow(row, execution)

    def _failed(self, rows: Sequence[Row], error: BaseException) -> None:
        """Search again later if that may help; else it cannot be told whether the rows were started."""
        self.is_searching = False
        if is_transient(error) and not self._context.plan.failed(self._context.now):
            self._context.state.searched.difference_update(row.index for row in rows)
        elif not is_transient(error):
            self._context.state.abort(error)


def _is_past(page: Page[Execution], since: float) -> bool:
    """Whether the further pages have only older executions, in a list with the newest first."""
    if not page.items:
        return False
    newest, oldest = created_at(page.items[0]), created_at(page.items[-1])
    return newest is not None and oldest is not None and oldest < since and oldest <= newest
