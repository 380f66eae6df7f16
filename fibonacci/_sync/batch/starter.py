# Derived from fibonacci/_async/batch/starter.py by tests/tools/mirror.py; change that file, not this one.
"""Running a row: from the request that starts it to the end of its execution."""

from __future__ import annotations

from functools import partial

from fibonacci._batch.concurrency import quota_kind
from fibonacci._batch.journal import start_outcome
from fibonacci._batch.rows import Row
from fibonacci._batch.watching import is_complete
from fibonacci._sync.batch import _workers
from fibonacci._sync.batch.context import BatchContext
from fibonacci._sync.batch.watcher import ExecutionsWatcher, is_lag
from fibonacci.errors import (
    APIConnectionError,
    APIError,
    ConflictError,
    JournalError,
    QuotaExceededError,
)
from fibonacci.models.executions import Execution

# After this many requests with one idempotency key, a row of unknown outcome is left for the end.
_ATTEMPTS = 5


class RowStarter:
    """Runs rows whose intents have been written.

    Args:
        context: What the parts of the batch share.
        watcher: Looks at the executions until they have ended.
    """

    def __init__(self, context: BatchContext, watcher: ExecutionsWatcher) -> None:
        self._context = context
        self._watcher = watcher

    def can_start(self, row: Row) -> bool:
        """Whether the row can be started without the risk of starting it twice."""
        return not row.is_uncertain or self._may_repeat(row)

    def start(self, row: Row) -> None:
        """Start a row in a worker.

        Raises:
            RuntimeError: If the system has no thread left for it. Nothing is sent.
        """
        context = self._context
        context.state.move(row, "starting")
        row.begin(context.now, context.options.timeout)
        row.attempts += 1
        context.starts.add(context.now)
        try:
            row.steps = self._run(row)
            context.drive(row.steps)
        except RuntimeError:  # no thread is left, so nothing was sent
            context.state.move(row, None)
            raise

    def resume(self, row: Row, execution_id: str) -> None:
        """Follow the execution of a row that an earlier run started, and look at it soon."""
        context = self._context
        row.execution_id = execution_id
        row.begin(context.now, context.options.timeout)
        self._watcher.is_urgent = True
        row.steps = self._follow(row)
        context.drive(row.steps)

    def _run(self, row: Row) -> _workers.Steps:
        """Start a row, note its execution, wait for its end, and finish the row."""
        context, state = self._context, self._context.state
        execution, error = yield partial(self._send, row)
        if error is not None:
            self._not_started(row, error)
            return
        context.start_passed(row.started_at)
        if state.take_back(row, execution.id):
            return
        row.execution = execution
        context.learn_version(row, execution)
        yield from self._follow(row)

    def _follow(self, row: Row) -> _workers.Steps:
        """Wait for the end of a row's execution, and read what a list doesn't contain."""
        context, state = self._context, self._context.state
        while True:
            if row.execution is None or not row.execution.is_terminal:
                state.move(row, "running")
                yield None
            if row.execution is not None and is_complete(row.execution):
                state.end(row, row.execution)
                return
            state.move(row, "reading")
            sent_at = context.now
            execution, error = yield partial(context.requests.execution, row.execution_id)
            if error is None:
                context.look_passed(sent_at)
                context.learn_version(row, execution)
                state.end(row, execution)
                return
            row.execution = None  # the next look reads it again
            if not is_lag(error):
                context.look_failed(error, sent_at)

    def _send(self, row: Row) -> Execution:
        """Send the request that starts a row, and record its response before the row can be started again."""
        context = self._context
        try:
            execution = context.requests.start(row, context.options.timeout)
        except Exception as error:
            if not row.is_uncertain and start_outcome(error) != "unknown":
                row.withdraw()
                context.record(row)
            raise
        row.execution_id, row.version = execution.id, context.version
        context.record(row)
        return execution

    def _not_started(self, row: Row, error: BaseException) -> None:
        context, state = self._context, self._context.state
        if isinstance(error, JournalError):
            state.move(row, None)  # the failed write has counted it
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
            context.state.move(row, "pending")
        else:
            context.state.lose(row)
        if isinstance(error, APIError):
            context.start_failed(error, row.started_at, is_lost=row.phase == "unknown")

    def _put_back(self, row: Row) -> None:
        """Start the row later. This request wasn't carried out, but an earlier one with its key may have been."""
        if not row.is_uncertain:
            row.withdraw()
            self._context.state.changed.append(row)
        self._context.state.move(row, "pending")

    def _may_repeat(self, row: Row) -> bool:
        is_honored = self._context.requestor.config.idempotency == "server"
        return is_honored and row.may_repeat(self._context.platform_time)


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
