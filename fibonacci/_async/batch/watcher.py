"""Watching the executions of rows until they have ended: by the list where that is cheaper."""

from __future__ import annotations

from functools import partial

from fibonacci._async.batch import _workers
from fibonacci._async.batch.context import AsyncBatchContext
from fibonacci._batch.rows import Row
from fibonacci._core.retry import is_final
from fibonacci.errors import NotFoundError, WaitTimeoutError
from fibonacci.models.executions import Execution

# Seconds before the end of the wait for a row at which it is looked at once more.
_LAST_LOOK = 0.5


class AsyncExecutionsWatcher:
    """Follows executions to their ends.

    Args:
        context: What the parts of the batch share.

    Attributes:
        is_urgent: Whether to look soon, because some executions may have ended long ago.
    """

    def __init__(self, context: AsyncBatchContext) -> None:
        self._context = context
        self._reads_left = 0
        self._was_answered = False  # a read of this look
        self._failure: BaseException | None = None  # of another
        self._is_looking = False
        self.is_urgent: bool = False
        self._last_look = 0.0

    def due_at(self) -> float | None:
        """Return when to look at the executions, on the monotonic clock, or None while there is nothing to look at."""
        context = self._context
        oldest = next(iter(self._watched()), None)
        if self._is_looking or oldest is None:
            return None
        now = context.now
        due = context.watch.due_at(
            oldest.started_at, now, rate=context.watch_rate, starts=context.starts.per_minute(now)
        )
        if oldest.deadline is not None and oldest.phase == "running" and self._last_look < oldest.deadline - _LAST_LOOK:
            due = min(due, oldest.deadline - _LAST_LOOK)
        return max(now if self.is_urgent else due, context.plan.looks.until)

    def look(self) -> None:
        """Look at all running executions, in workers."""
        rows = self._watched()
        self._is_looking, self.is_urgent = True, False
        self._last_look = self._context.now
        if self._context.watch.is_list_cheaper(len(rows)):
            self._context.drive(self._list(rows))
        else:
            self._read_each(rows, pages=None)

    def expire(self) -> None:
        """Give up the rows whose time to wait is over."""
        now, state = self._context.now, self._context.state
        while (oldest := next(iter(state.rows["running"].values()), None)) is not None:
            if oldest.deadline is None or now < oldest.deadline:
                return
            status = "could not be read" if oldest.execution is None else f"was {oldest.execution.status}"
            text = f"execution {oldest.execution_id} {status} when the time to wait was up"
            state.give_up(oldest, WaitTimeoutError(text, execution=oldest.execution))

    def _watched(self) -> list[Row]:
        """Return the rows to look at: those that are waited for, and those whose places others wait for."""
        state = self._context.state
        return [*state.rows["running"].values(), *(state.rows["overdue"].values() if state.has_more else ())]

    def _list(self, rows: list[Row]) -> _workers.Steps:
        """Read the pages of the list that have running executions, and one by one those that it lacks."""
        context = self._context
        found, error = yield partial(context.requests.find, frozenset(row.execution_id for row in rows))
        if error is not None:
            self._is_looking = False
            context.watch.looked(self._last_look, requests=1, pages=None)
            context.look_failed(error, self._last_look)
            return
        listed, pages = found
        for row in rows:
            if row.execution_id in listed:
                self._seen(row, listed[row.execution_id])
        missing = [row for row in rows if row.execution_id not in listed and row.phase in ("running", "overdue")]
        if not (missing or context.state.rows["reading"]):  # else the reads tell whether executions can be read
            context.look_passed(self._last_look)
        self._read_each(missing, pages=pages if listed else len(rows))

    def _read_each(self, rows: list[Row], *, pages: int | None) -> None:
        """Read executions one by one. The look is over when all are read."""
        self._context.watch.looked(self._last_look, requests=len(rows) + (pages or 0), pages=pages)
        self._reads_left = len(rows)
        self._was_answered, self._failure = False, None
        self._is_looking = bool(rows)
        for row in rows:
            self._context.drive(self._read(row))

    def _read(self, row: Row) -> _workers.Steps:
        """Read an execution as a part of a look. The look has failed if none of its reads was answered."""
        execution, failure = yield partial(self._context.requests.execution, row.execution_id)
        if failure is None:
            self._seen(row, execution)
        elif is_lag(failure):
            failure = None
            if row.phase == "running":
                row.execution = None
            elif row.phase == "overdue":  # it has no time left to appear in
                self._context.state.move(row, None)
        self._was_answered |= failure is None
        self._failure = failure or self._failure
        self._reads_left -= 1
        if self._reads_left:
            return
        self._is_looking = False
        if self._was_answered or self._failure is None:
            self._context.look_passed(self._last_look)
        else:
            self._context.watch.looked(self._last_look, requests=1, pages=None)
            self._context.look_failed(self._failure, self._last_look)

    def _seen(self, row: Row, execution: Execution) -> None:
        if row.phase == "overdue":
            if execution.is_terminal:
                self._context.state.move(row, None)
        elif row.phase == "running":
            row.execution = execution
            self._context.learn_version(row, execution)
            if execution.is_terminal:
                if isinstance(execution.duration_ms, int | float):
                    self._context.watch.ended(execution.duration_ms / 1000)
                self._context.go_on(row.steps, None)


def is_lag(error: BaseException) -> bool:
    """Whether the platform doesn't find an execution that it has named: reads may lag behind starts."""
    return isinstance(error, NotFoundError) and is_final(error, after_success=True)
