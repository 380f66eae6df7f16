"""Watching the executions of rows until they have ended: by the list where that is cheaper."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from fibonacci._async.batch.context import AsyncBatchContext
from fibonacci._batch.concurrency import quota_wait
from fibonacci._batch.journal import is_transient
from fibonacci._batch.rows import Row
from fibonacci._batch.watching import is_complete
from fibonacci.errors import NotFoundError, QuotaExceededError, WaitTimeoutError
from fibonacci.models.executions import Execution

# Seconds before the end of the wait for a row at which it is looked at once more.
_LAST_LOOK = 0.5
# Seconds between looks that fail: twice as many each time.
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 10.0


class AsyncExecutionsWatcher:
    """Follows executions to their ends.

    Args:
        context: What the parts of the batch share.
    """

    def __init__(self, context: AsyncBatchContext) -> None:
        self._context = context
        self._reads_left = 0
        self._is_looking = False
        self._is_urgent = False
        self._last_look = 0.0
        self._paused_until = 0.0
        self._pause = _FIRST_PAUSE

    def follow(self, row: Row, execution: Execution) -> None:
        """Follow the execution of a row, which may have ended already."""
        row.execution_id, row.execution = execution.id, execution
        self._context.learn_version(row, execution)
        if execution.is_terminal:
            self._end(row, execution)
        else:
            self._context.state.running[execution.id] = row

    def resume(self, row: Row, execution_id: str) -> None:
        """Follow the execution of a row that an earlier run started, and look at it soon."""
        row.execution_id = execution_id
        row.begin(self._context.now, self._context.options.timeout)
        self._context.state.running[execution_id] = row
        self._is_urgent = True

    def due_at(self) -> float | None:
        """Return when to look at the executions, on the monotonic clock, or None while there is nothing to look at."""
        context = self._context
        oldest = next((row for rows in self._watched() for row in rows.values()), None)
        if self._is_looking or oldest is None:
            return None
        now = context.now
        due = context.watch.due_at(
            oldest.started_at, now, rate=context.watch_rate, starts=context.starts.per_minute(now)
        )
        if (
            oldest.deadline is not None
            and oldest.execution_id in context.state.running
            and self._last_look < oldest.deadline - _LAST_LOOK
        ):
            due = min(due, oldest.deadline - _LAST_LOOK)
        return max(now if self._is_urgent else due, self._paused_until)

    def look(self) -> None:
        """Look at all running executions, in workers."""
        running = [execution_id for rows in self._watched() for execution_id in rows]
        self._is_looking, self._is_urgent = True, False
        self._last_look = self._context.now
        if self._context.watch.is_list_cheaper(len(running)):
            self._context.work(partial(self._list, frozenset(running)))
        else:
            self._read_each(running, pages=None)

    def expire(self) -> None:
        """Give up the rows whose time to wait is over."""
        now, running = self._context.now, self._context.state.running
        while running:
            oldest = next(iter(running.values()))
            if oldest.deadline is None or now < oldest.deadline:
                return
            del running[oldest.execution_id]
            state = "could not be seen" if oldest.execution is None else f"was {oldest.execution.status}"
            text = f"execution {oldest.execution_id} {state} when the time to wait was up"
            self._context.state.give_up(oldest, WaitTimeoutError(text, execution=oldest.execution))

    def _watched(self) -> tuple[dict[str, Row], ...]:
        """Return the rows to look at: those that are waited for, and those whose places others wait for."""
        state = self._context.state
        return (state.running, state.overdue) if state.has_more else (state.running,)

    async def _list(self, running: frozenset[str]) -> None:
        """Read the pages of the list that have running executions."""
        try:
            listed, pages = await self._context.requests.find(running)
        except BaseException as error:
            self._context.report(partial(self._failed, error))
            if not isinstance(error, Exception):
                raise
        else:
            self._context.report(partial(self._listed, running, listed, pages))

    def _listed(self, running: frozenset[str], listed: Mapping[str, Execution], pages: int) -> None:
        self._pause = _FIRST_PAUSE
        for execution in listed.values():
            self._seen(execution)
        watched = (execution_id for rows in self._watched() for execution_id in rows)
        missing = [
            execution_id for execution_id in watched if execution_id in running and execution_id not in listed
        ]  # the oldest first
        self._read_each(missing, pages=pages if listed else len(running))

    def _read_each(self, execution_ids: list[str], *, pages: int | None) -> None:
        """Read executions one by one. The look is over when all are read."""
        self._context.watch.looked(self._last_look, requests=len(execution_ids) + (pages or 0), pages=pages)
        self._reads_left = len(execution_ids)
        self._is_looking = bool(execution_ids)
        for execution_id in execution_ids:
            self._context.work(partial(self._read, execution_id))

    async def _read(self, execution_id: str) -> None:
        try:
            execution = await self._context.requests.execution(execution_id)
        except BaseException as error:
            self._context.report(partial(self._not_read, execution_id, error))
            if not isinstance(error, Exception):
                raise
        else:
            self._context.report(partial(self._has_read, execution))

    def _has_read(self, execution: Execution) -> None:
        self._count_read()
        self._pause = _FIRST_PAUSE
        self._seen(execution)

    def _not_read(self, execution_id: str, error: BaseException) -> None:
        self._count_read()
        if isinstance(error, NotFoundError):
            self._context.state.overdue.pop(execution_id, None)
        row = self._context.state.running.get(execution_id)
        if isinstance(error, NotFoundError) and row is not None:
            del self._context.state.running[execution_id]
            row.execution = None
            self._context.state.finish(row, error)
        elif not isinstance(error, NotFoundError):
            self._failed(error)

    def _count_read(self) -> None:
        self._reads_left -= 1
        self._is_looking = self._reads_left > 0

    def _failed(self, error: BaseException) -> None:
        """Go on after a look that failed, if a later one may not."""
        self._is_looking = self._reads_left > 0
        self._context.watch.looked(self._last_look, requests=1, pages=None)
        self._pause_after(error)

    def _pause_after(self, error: BaseException) -> None:
        context = self._context
        if isinstance(error, QuotaExceededError) and context.options.if_quota_exceeded == "wait":
            context.refused_by_quota(error)
            self._paused_until = context.now + quota_wait(error, 1)
        elif not is_transient(error) or isinstance(error, QuotaExceededError):
            context.state.abort(error)
        elif context.now >= self._paused_until:  # the reads of one look fail together, and count once
            self._paused_until = context.now + self._pause
            self._pause = min(_LONGEST_PAUSE, self._pause * 2)

    def _seen(self, execution: Execution) -> None:
        row = self._context.state.running.get(execution.id)
        if row is None:  # its time to wait is over
            if execution.is_terminal:
                self._context.state.overdue.pop(execution.id, None)
            return
        row.execution = execution
        self._context.learn_version(row, execution)
        if execution.is_terminal:
            del self._context.state.running[execution.id]
            if isinstance(execution.duration_ms, int | float):
                self._context.watch.ended(execution.duration_ms / 1000)
            self._end(row, execution)

    def _end(self, row: Row, execution: Execution) -> None:
        """Finish a row, after reading outputs and reasons that a list doesn't contain."""
        if is_complete(execution):
            self._context.state.end(row, execution)
        else:
            self._context.state.reading += 1
            self._context.work(partial(self._read_once, row, execution))

    async def _read_once(self, row: Row, execution: Execution) -> None:
        try:
            complete = await self._context.requests.execution(execution.id)
        except BaseException as error:
            self._context.report(partial(self._not_read_once, row, execution, error))
            if not isinstance(error, Exception):
                raise
        else:
            self._context.report(partial(self._was_read_once, row, complete))

    def _was_read_once(self, row: Row, execution: Execution) -> None:
        self._context.state.reading -= 1
        self._context.learn_version(row, execution)
        self._context.state.end(row, execution)

    def _not_read_once(self, row: Row, execution: Execution, error: BaseException) -> None:
        """Follow the execution on, so that the next look reads it again, unless it was removed."""
        if isinstance(error, NotFoundError):
            self._was_read_once(row, execution)
            return
        self._context.state.reading -= 1
        self._context.state.running[execution.id] = row
        self._pause_after(error)
