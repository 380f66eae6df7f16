# Derived from fibonacci/_async/batch/watcher.py by tests/tools/mirror.py; change that file, not this one.
"""Watching the executions of rows until they have ended: by the list where that is cheaper."""

from __future__ import annotations

from functools import partial

from fibonacci._batch.rows import Row
from fibonacci._core.retry import is_final
from fibonacci._sync.batch import _workers
from fibonacci._sync.batch.context import BatchContext
from fibonacci.errors import NotFoundError, WaitTimeoutError
from fibonacci.models.executions import Execution

# Seconds before the end of the wait for a row at which it is looked at once more.
_LAST_LOOK = 0.5


class ExecutionsWatcher:
    """Follows executions to their ends.

    Args:
        context: What the parts of the batch share.

    Attributes:
        is_urgent: Whether to look soon, because some executions may have ended long ago.
    """

    def __init__(self, context: BatchContext) -> None:
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
        return max(now if self.is_urgent else due, context.plan.looks.until)

    def look(self) -> None:
        """Look at all running executions, in workers."""
        running = [execution_id for rows in self._watched() for execution_id in rows]
        self._is_looking, self.is_urgent = True, False
        self._last_look = self._context.now
        if self._context.watch.is_list_cheaper(len(running)):
            self._context.drive(self._list(frozenset(running)))
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
            state = "could not be read" if oldest.execution is None else f"was {oldest.execution.status}"
            text = f"execution {oldest.execution_id} {state} when the time to wait was up"
            self._context.state.give_up(oldest, WaitTimeoutError(text, execution=oldest.execution))

    def _watched(self) -> tuple[dict[str, Row], ...]:
        """Return the rows to look at: those that are waited for, and those whose places others wait for."""
        state = self._context.state
        return (state.running, state.overdue) if state.has_more else (state.running,)

    def _list(self, running: frozenset[str]) -> _workers.Steps:
        """Read the pages of the list that have running executions, and one by one those that it lacks."""
        context = self._context
        found, error = yield partial(context.requests.find, running)
        if error is not None:
            self._is_looking = False
            context.watch.looked(self._last_look, requests=1, pages=None)
            context.look_failed(error, self._last_look)
            return
        listed, pages = found
        for execution in listed.values():
            self._seen(execution)
        watched = (execution_id for rows in self._watched() for execution_id in rows)
        missing = [
            execution_id for execution_id in watched if execution_id in running and execution_id not in listed
        ]  # the oldest first
        if not (missing or context.state.reading):  # else the reads tell whether executions can be read
            context.look_passed(self._last_look)
        self._read_each(missing, pages=pages if listed else len(running))

    def _read_each(self, execution_ids: list[str], *, pages: int | None) -> None:
        """Read executions one by one. The look is over when all are read."""
        self._context.watch.looked(self._last_look, requests=len(execution_ids) + (pages or 0), pages=pages)
        self._reads_left = len(execution_ids)
        self._was_answered, self._failure = False, None
        self._is_looking = bool(execution_ids)
        for execution_id in execution_ids:
            self._context.drive(self._read(execution_id))

    def _read(self, execution_id: str) -> _workers.Steps:
        """Read an execution as a part of a look, which has failed if none of its reads was answered."""
        state = self._context.state
        execution, failure = yield partial(self._context.requests.execution, execution_id)
        if failure is None:
            self._seen(execution)
        elif is_lag(failure):
            failure = None
            if execution_id in state.running:
                state.running[execution_id].execution = None
            else:  # its time is up, so that it has none to appear in
                state.overdue.pop(execution_id, None)
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
            self._context.go_on(row.steps, None)


def is_lag(error: BaseException) -> bool:
    """Whether the platform doesn't find an execution that it has named: reads may lag behind starts."""
    return isinstance(error, NotFoundError) and is_final(error, after_success=True)
