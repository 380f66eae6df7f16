"""Starting rows: what becomes of those that aren't started, and looking for those whose start had no response."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from fibonacci._async.batch.context import AsyncBatchContext
from fibonacci._batch.concurrency import quota_kind
from fibonacci._batch.journal import start_outcome
from fibonacci._batch.rows import Row
from fibonacci._batch.search import (
    Candidates,
    MatchedRows,
    created_at,
    earliest,
    inputs_digest,
    is_past,
    matches,
    may_repeat,
)
from fibonacci._core.retry import is_final
from fibonacci._logging import log
from fibonacci.errors import (
    APIConnectionError,
    APIError,
    ConflictError,
    JournalError,
    NotFoundError,
    QuotaExceededError,
)
from fibonacci.models.executions import Execution

# With one idempotency key: a row whose outcome stays unknown that often is left for the end.
_ATTEMPTS = 5


class AsyncRowStarter:
    """Sends the requests that start rows, whose intents are durable.

    Args:
        context: What the parts of the batch share.
        follow: Takes a row with its execution.
    """

    def __init__(self, context: AsyncBatchContext, follow: Callable[[Row, Execution], None]) -> None:
        self._context = context
        self._follow = follow

    def can_start(self, row: Row) -> bool:
        """Whether the row may be started without any danger of starting it twice."""
        return not row.is_uncertain or self._may_repeat(row)

    def start(self, row: Row) -> None:
        """Start a row in a worker.

        Raises:
            RuntimeError: If the system has no thread left for it. Nothing is sent.
        """
        context = self._context
        context.state.starting[row.index] = row
        row.begin(context.now, context.options.timeout)
        row.attempts += 1
        context.starts.add(context.now)
        try:
            context.work(partial(self._start, row))
        except RuntimeError:  # no thread is left, so nothing was sent
            del context.state.starting[row.index]
            raise

    async def _start(self, row: Row) -> None:
        context = self._context
        try:
            execution = await self._execution_of(row)
            row.execution_id, row.version = execution.id, context.versions.current
            await context.record_start(row)
        except BaseException as error:
            context.report(partial(self._not_started, row, error))
            if not isinstance(error, Exception):
                raise
        else:
            context.report(partial(self._started, row, execution))

    async def _execution_of(self, row: Row) -> Execution:
        """Send the request that starts a row. A refusal is recorded before the row can be started again."""
        context = self._context
        try:
            return await context.requests.start(row, context.options.timeout)
        except Exception as error:
            if not row.is_uncertain and start_outcome(error) != "unknown":
                await context.record_refusal(row)
            raise

    def _started(self, row: Row, execution: Execution) -> None:
        del self._context.state.starting[row.index]
        self._context.start_passed(row.started_at)
        if not row.is_recorded:
            self._context.state.started.append(row)
        self._follow(row, execution)

    def _not_started(self, row: Row, error: BaseException) -> None:
        context, state = self._context, self._context.state
        del state.starting[row.index]
        if isinstance(error, JournalError):
            state.abort(error)
            return
        match start_outcome(error):
            case "unknown":
                self._unknown(row, error)
            case "quota" if isinstance(error, QuotaExceededError):
                self._put_back(row)
                if quota_kind(error, state.in_flight) == "concurrent":
                    context.plan.record_refusal(state.in_flight, row.started_at, context.now)
                else:
                    context.refused_by_quota(error, row.started_at)
            case "row" if isinstance(error, Exception):
                if row.is_uncertain and isinstance(error, ConflictError):  # about the key: it says nothing of the row
                    self._unknown(row, error)
                else:
                    state.finish(row, error)
            case "again" if isinstance(error, APIError):
                self._put_back(row)
                context.start_failed(error, row.started_at)
            case _:
                self._put_back(row)
                state.stop(error)

    def _unknown(self, row: Row, error: BaseException) -> None:
        """Keep a row whose request may have been carried out. The others wait, as they do in an outage."""
        context = self._context
        row.error = error if isinstance(error, Exception) else _canceled(row)
        if row.attempts < _ATTEMPTS and self._may_repeat(row):
            context.state.pending.append(row)
        else:
            context.state.lose(row)
        if isinstance(error, APIError):
            context.start_failed(error, row.started_at, is_lost=row.index in context.state.unknown)

    def _put_back(self, row: Row) -> None:
        """Start the row later: this request wasn't carried out, as far as it is the only one with its key."""
        if not row.is_uncertain:
            row.withdraw()
            self._context.state.withdrawn.append(row)
        self._context.state.pending.append(row)

    def _may_repeat(self, row: Row) -> bool:
        is_honored = self._context.requestor.config.idempotency == "server"
        return may_repeat(row, self._context.platform_time, is_honored=is_honored)


def interrupted(row: Row) -> APIConnectionError:
    """Return the error of a row whose request was going to be sent when an earlier process ended."""
    return _unknown_error(row, "the process ended before the response to the request that starts the row")


def _canceled(row: Row) -> APIConnectionError:
    return _unknown_error(row, "the request that starts the row was canceled before its response")


def _unknown_error(row: Row, text: str) -> APIConnectionError:
    error = APIConnectionError(text)
    error.idempotency_key = row.idempotency_key
    error.outcome_unknown = True
    return error


_log = logging.getLogger("fibonacci")

# How often a list of several pages is read, until two readings in a row have brought the same: pages by offset shift
# when executions are added meanwhile, so that one is listed twice, or on no page.
_READINGS = 5


class AsyncRowFinder:
    """Finds the executions of rows of unknown outcome.

    Args:
        context: What the parts of the batch share.
        follow: Takes a row with its execution.

    Attributes:
        is_searching: Whether a search is under way.
    """

    def __init__(self, context: AsyncBatchContext, follow: Callable[[Row, Execution], None]) -> None:
        self._context = context
        self._follow = follow
        self.is_searching: bool = False
        self._searched: set[int] = set()
        self._searched_at_rest: set[int] = set()
        self._digests: dict[str, bytes] = {}

    def search(self, *, is_at_rest: bool) -> bool:
        """Search for the executions of the rows of unknown outcome, in a worker, unless that was done.

        It searches for rows of an earlier run soon, and for all of them once more when nothing else is under way. A row
        stays unknown as long as another row with the same inputs may have been started.

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

    async def _search(self, rows: Sequence[Row], searched: set[int]) -> None:
        try:
            candidates = await self._candidates(rows)
            if candidates is None:
                matched = MatchedRows([], [(row, "the list of executions changes while it is read") for row in rows])
            else:  # read the journals after the list: everything in the list was started by then
                claims = await self._context.use_journal(partial(self._context.journal.claims, list(candidates)))
                matched = matches(rows, candidates, claims)
        except BaseException as error:
            self._context.report(partial(self._failed, rows, searched, error))
            if not isinstance(error, Exception):
                raise
        else:
            self._context.report(partial(self._found, matched))

    async def _candidates(self, rows: Sequence[Row]) -> Candidates | None:
        """Return executions since the first intent with the inputs of a row, or None if the list isn't firm."""
        since, digests = earliest(rows), {row.digest for row in rows}
        before: Candidates | None = None
        for _ in range(_READINGS):
            candidates, pages = await self._read_list(since, digests)
            if pages == 1 or (before is not None and candidates.keys() == before.keys()):
                return candidates
            before = candidates
        return None

    async def _read_list(self, since: float, digests: set[bytes]) -> tuple[Candidates, int]:
        """Read the list back to a time, and return the executions with the inputs, and the number of pages."""
        candidates: dict[str, tuple[Execution, bytes]] = {}
        pages, following = 0, None
        while True:
            page, following = await self._context.requests.page(following)
            pages += 1
            for execution in page.items:
                if (created_at(execution) or 0.0) >= since and execution.id not in candidates:
                    digest = await self._digest(execution)
                    if digest in digests:
                        candidates[execution.id] = execution, digest
            if following is None or is_past(page.items, since):
                return candidates, pages

    async def _digest(self, execution: Execution) -> bytes:
        """Return the digest of an execution's inputs, which are read if the list doesn't give them."""
        digest = inputs_digest(execution) or self._digests.get(execution.id)
        if digest is None:
            try:
                digest = inputs_digest(await self._context.requests.execution(execution.id)) or b""
            except NotFoundError:  # it was removed meanwhile
                digest = b""
            self._digests[execution.id] = digest
        return digest

    def _found(self, matched: MatchedRows) -> None:
        self.is_searching = False
        state = self._context.state
        for row, doubt in matched.doubts:
            state.doubts[row.index] = doubt
        for row, execution in matched.found:
            text = "row %s: its execution is assumed to be %s, which has the same inputs and belongs to no other row"
            log(_log, logging.WARNING, text, row.key, execution.id, execution_id=execution.id)
            del state.unknown[row.index]
            row.error = None
            row.version = self._context.versions.current
            row.execution_id = execution.id
            state.started.append(row)
            row.begin(self._context.now, self._context.options.timeout)
            self._follow(row, execution)

    def _failed(self, rows: Sequence[Row], searched: set[int], error: BaseException) -> None:
        """Search again later if that may help. Otherwise nobody can tell whether the rows were started."""
        self.is_searching = False
        if not is_final(error, after_success=True):
            searched.difference_update(row.index for row in rows)
        self._context.look_failed(error, self._context.now)
