# Derived from fibonacci/_async/batch/finder.py by tests/mirror.py; change that file, not this one.
"""Looking for the executions of rows whose start had no response, in the list of executions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from fibonacci._batch.row_errors import is_transient
from fibonacci._batch.rows import Row
from fibonacci._batch.search import Candidates, MatchedRows, created_at, earliest, inputs_digest, is_past, matches
from fibonacci._log_records import log
from fibonacci._sync.batch.context import BatchContext
from fibonacci.errors import NotFoundError
from fibonacci.models.executions import Execution

_log = logging.getLogger("fibonacci")

# How often a list of several pages is read, until two readings in a row have brought the same: pages by offset shift
# when executions are added meanwhile, so that one is listed twice, or on no page.
_READINGS = 5


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
        self._searched: set[int] = set()
        self._searched_at_rest: set[int] = set()
        self._digests: dict[str, bytes] = {}

    def search(self, *, is_at_rest: bool) -> bool:
        """Search for the executions of the rows of unknown outcome, in a worker, unless that was done.

        Those of an earlier run are searched for soon, and all once more when nothing else is under way: as long as
        another row with the same inputs may have been started, a row stays unknown.

        Returns:
            Whether a search was begun.
        """
        searched = self._searched_at_rest if is_at_rest else self._searched
        rows = [row for row in self._context.state.unknown.values() if row.index not in searched]
        if not rows or not (is_at_rest or any(row.started_at == 0.0 for row in rows)):
            return False
        self.is_searching = True
        searched.update(row.index for row in rows)
        self._context.work(partial(self._search, rows, searched))
        return True

    def _search(self, rows: Sequence[Row], searched: set[int]) -> None:
        try:
            candidates = self._candidates(rows)
            if candidates is None:
                found = MatchedRows([], [(row, "the list of executions changes while it is read") for row in rows])
            else:  # the journals after the list: what is in it was started by then
                claims = self._context.use_journal(partial(self._context.journal.claims, list(candidates)))
                found = matches(rows, candidates, claims)
        except BaseException as error:
            self._context.report(partial(self._failed, rows, searched, error))
            if not isinstance(error, Exception):
                raise
        else:
            self._context.report(partial(self._found, found))

    def _candidates(self, rows: Sequence[Row]) -> Candidates | None:
        """Return the executions since the first intent that have the inputs of a row; None if the list is not firm."""
        since, digests = earliest(rows), {row.digest for row in rows}
        before: Candidates | None = None
        for _ in range(_READINGS):
            found, pages = self._read_list(since, digests)
            if pages == 1 or (before is not None and found.keys() == before.keys()):
                return found
            before = found
        return None

    def _read_list(self, since: float, digests: set[bytes]) -> tuple[Candidates, int]:
        """Read the list back to a time; return the executions with the inputs, and the number of pages."""
        found: dict[str, tuple[Execution, bytes]] = {}
        pages, following = 0, None
        while True:
            page, following = self._context.requests.page(following)
            pages += 1
            for execution in page.items:
                if (created_at(execution) or 0.0) >= since and execution.id not in found:
                    digest = self._digest(execution)
                    if digest in digests:
                        found[execution.id] = execution, digest
            if following is None or is_past(page.items, since):
                return found, pages

    def _digest(self, execution: Execution) -> bytes:
        """Return the digest of an execution's inputs, which are read if the list does not give them."""
        digest = inputs_digest(execution) or self._digests.get(execution.id)
        if digest is None:
            try:
                digest = inputs_digest(self._context.requests.execution(execution.id)) or b""
            except NotFoundError:  # it was removed meanwhile
                digest = b""
            self._digests[execution.id] = digest
        return digest

    def _found(self, found: MatchedRows) -> None:
        self.is_searching = False
        state = self._context.state
        for row, doubt in found.doubts:
            state.doubts[row.index] = doubt
        for row, execution in found.found:
            text = "row %s: its execution is taken to be %s, which has its inputs and belongs to no other row"
            log(_log, logging.WARNING, text, row.key, execution.id, execution_id=execution.id)
            del state.unknown[row.index]
            row.error = None
            row.version = self._context.versions.current
            row.execution_id = execution.id
            state.started.append(row)
            row.begin(self._context.now, self._context.options.timeout)
            self._follow(row, execution)

    def _failed(self, rows: Sequence[Row], searched: set[int], error: BaseException) -> None:
        """Search again later if that may help; else it cannot be told whether the rows were started."""
        self.is_searching = False
        if is_transient(error) and not self._context.plan.failed(self._context.now):
            searched.difference_update(row.index for row in rows)
        elif not is_transient(error):
            self._context.state.abort(error)
