# Derived from fibonacci/_async/batch/runner.py by tests/tools/mirror.py; change that file, not this one.
"""The loop of a batch: what has happened, what may be started, what has to be looked at."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic

from fibonacci._batch.candidates import candidates_of, earliest
from fibonacci._batch.concurrency import quota_value
from fibonacci._batch.journal_schema import version_text
from fibonacci._batch.leaving import stopped_error
from fibonacci._batch.rows import Row
from fibonacci._core.logs import log_journal
from fibonacci._core.retry import is_final
from fibonacci._sync import _runtime
from fibonacci._sync.batch import _workers
from fibonacci._sync.batch.context import BatchContext, nothing
from fibonacci._sync.batch.reader import RowReader
from fibonacci._sync.batch.starter import RowStarter
from fibonacci._sync.batch.watcher import ExecutionsWatcher
from fibonacci._texts.logging import log
from fibonacci.errors import APIError
from fibonacci.models.executions import Execution
from fibonacci.models.run_results import RunResult

_log = logging.getLogger("fibonacci")

# Results of an earlier run that are delivered before anything else is looked at.
_RESTORED_AT_ONCE = 256
# Seconds between two checks whether another process has stopped the rows.
_STOP_CHECK = 0.25
# Seconds between two readings of the workflow while rows start, to see its version.
_VERSION_EVERY = 60.0
# Seconds for which events are gathered.
_GATHERING = 0.01
# Seconds: the progress is shown that often although nothing happens.
_LONGEST_WAIT = 60.0
# While requests are under way, a user's clock isn't asked for this many real seconds.
_CLOCK_CHECK = 1.0


class BatchRunner:
    """Runs the rows of a batch, as far as results are asked for.

    Workers send requests. Everything else happens in the task that asks for results.

    Args:
        context: What the parts of the batch share.
        rows: The iterable of rows.
    """

    def __init__(self, context: BatchContext, rows: _workers.Rows) -> None:
        self._context = context
        self._state = context.state
        self._watcher = ExecutionsWatcher(context)
        self._starter = RowStarter(context, self._watcher)
        self._reader = RowReader(context, rows, self._starter.resume)
        self._received: deque[Callable[[], object]] = deque()
        self._is_asking = False
        self._is_probing = False
        self._stop_checked_at = float("-inf")
        self._was_cut_short = False  # the choice of rows, by results to be delivered first

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to any row."""
        state = self._state
        return state.is_aborted or (self.is_at_rest and not state.rows["unknown"] and not state.has_more)

    def begin(self) -> None:
        """Start the first rows."""
        self._start_rows()

    def pop(self) -> RunResult | None:
        """Return the next result, or None if there is none now."""
        return self._state.results.pop()

    def step(self) -> None:
        """Wait until something happens, and do what follows from it.

        Raises:
            JournalError: If the journal can't be written.
        """
        self._receive()
        self._call_received()
        self._stop_if_asked()
        if self._state.is_aborted:
            self._commit([])
            return
        self._watcher.expire()
        self._start_rows()

    @property
    def is_at_rest(self) -> bool:
        """Whether no request is under way, and no execution is waited for."""
        return self._context.is_idle and not (self._received or self._state.rows["running"])

    def _start_rows(self) -> None:
        """Start the rows that may start. First, all their intents are written, in one transaction with new results."""
        context = self._context
        waiting = deque(self._choose())
        try:
            self._commit(list(waiting))
            if waiting and context.version is not None and context.now - context.version_read_at >= _VERSION_EVERY:
                context.version_read_at = context.now
                context.drive(self._read_version())
            while waiting:
                self._starter.start(waiting[0])
                waiting.popleft()
        except BaseException:  # such as that no thread is left
            self._withdraw(waiting)
            raise
        self._ask()
        self._probe()
        self._look()
        self._settle_unknown()
        _runtime.checkpoint()

    def _withdraw(self, rows: Iterable[Row]) -> None:
        """Take back the intents of rows that weren't started. The journal may have them."""
        for row in rows:
            if row.phase != "starting":
                self._state.move(row, "pending")
                if not row.is_uncertain:
                    row.withdraw()
                    if row.number:
                        self._state.changed.append(row)

    def _choose(self) -> list[Row]:
        """Return the rows to start now."""
        state, context = self._state, self._context
        pending = state.rows["pending"]
        busy = state.in_flight + state.count("reading")
        room = context.plan.slots(busy, state.count("starting"), context.now)
        window = context.window()
        if window is not None and room > 0:
            room = min(room, window[1] - (context.watch.reserve(*window) if state.rows["running"] else 0))
            total = context.options.total
            if room <= 0 and state.has_more and (pending or total is None or state.read < total):
                context.warn_of_rate_limit(window[0])
        chosen: list[Row] = []
        if self._is_held and not pending:
            self._reader.read()  # to learn whether a row waits for a place
        self._stop_if_held()
        self._was_cut_short = False
        while room > len(chosen) + state.in_flight + state.count("reading") - busy and not state.is_stopped:
            self._was_cut_short = len(state.results) >= _RESTORED_AT_ONCE
            if not pending and (self._was_cut_short or not state.may_read or not self._reader.read()):
                break
            if pending:
                row = next(iter(pending.values()))
                if not self._starter.can_start(row):
                    state.lose(row)
                    continue
                state.move(row, None)
                if state.admit(row):
                    chosen.append(row)
        return chosen

    def _commit(self, rows: list[Row]) -> None:
        context, state = self._context, self._state
        for row in rows:
            if not row.is_uncertain:
                row.intend(context.platform_time)
                state.changed.append(row)
        context.write(context.progress_to_note(is_alone=not state.changed))

    def _stop_if_asked(self) -> None:
        """Start no more rows if another process has requested it."""
        state, journal, now = self._state, self._context.journal, self._context.now
        if state.is_stopped or now < self._stop_checked_at + _STOP_CHECK:
            return
        self._stop_checked_at = now
        if journal.is_asked_to_stop:
            state.stop(stopped_error(journal.path))
            text = f"was stopped by another process: no more rows start, and {state.count('starting', 'running')}"
            log_journal(journal.path, f"{text} in progress are waited for", is_warning=True)

    def _stop_if_held(self) -> None:
        """Stop if rows that have timed out hold every place, and none of their executions ends."""
        state, timeout, now = self._state, self._context.options.timeout, self._context.now
        if timeout is not None and self._is_held and state.rows["pending"] and self._context.plan.quota.until <= now:
            state.stop_held(now, timeout)
        else:
            state.held_since = None

    @property
    def _is_held(self) -> bool:
        """Whether rows that have timed out take up every place."""
        state = self._state
        held = state.count("overdue") >= max(1, self._context.plan.capacity)
        return held and state.has_more and not state.count("starting", "running", "reading")

    @property
    def _held_until(self) -> float | None:
        """Until when the run waits for one of these places. None while it has others."""
        since, timeout = self._state.held_since, self._context.options.timeout
        return None if since is None or timeout is None else since + timeout

    def _read_version(self) -> _workers.Steps:
        """Read the workflow to see its version. If that fails, it is read again in a minute."""
        workflow, error = yield self._context.requests.workflow
        if error is None:
            self._context.take_version(version_text(workflow.version))
        else:
            _log.debug("the workflow could not be read to get its version", exc_info=error)

    def _ask(self) -> None:
        """Read the quota if the plan needs it."""
        context = self._context
        if context.plan.must_ask and not self._is_asking and not self._state.is_stopped:
            if context.organization_id is None:
                context.plan.record_unreadable_quota(context.now)
                context.inbox.put(nothing)  # rows may be started now
            else:
                context.drive(self._read_quota(context.organization_id))

    def _read_quota(self, organization_id: str) -> _workers.Steps:
        context, state = self._context, self._state
        self._is_asking = True
        quota, error = yield partial(context.requests.quota, organization_id)
        capacity = quota_value(quota, "concurrent_executions")
        running: list[str] = []
        if error is None and capacity is not None:
            running, error = yield context.requests.running
        self._is_asking = False
        if error is None:
            context.quota = quota
        if error is not None or capacity is None:
            context.plan.record_unreadable_quota(context.now)
            return
        # Some may be executions of this run whose start has no response yet.
        own = {row.execution_id for phase in ("running", "overdue") for row in state.rows[phase].values()}
        others = sum(execution_id not in own for execution_id in running) - state.count("starting")
        context.plan.record_quota(capacity, max(0, others), context.now)

    def _probe(self) -> None:
        """After an outage in which rows may have been started, check whether the platform is back."""
        if self._context.plan.must_probe(self._context.now) and not self._is_probing and self._state.has_more:
            self._context.drive(self._read_once())

    def _read_once(self) -> _workers.Steps:
        """Read the workflow, and wait longer if that fails. The next row reports a permanent failure."""
        context, sent_at = self._context, self._context.now
        self._is_probing = True
        workflow, error = yield context.requests.probe
        self._is_probing = False
        if isinstance(error, APIError) and not is_final(error, after_success=True):
            context.start_failed(error, sent_at)
            return
        context.plan.probed()
        if error is None:
            context.version_read_at = context.now
            context.take_version(version_text(workflow.version))

    def _look(self) -> None:
        due = self._watcher.due_at()
        if due is not None and due <= self._context.now:
            self._watcher.look()

    def _settle_unknown(self) -> None:
        """When nothing else is left, start the rows of unknown outcome again, or deliver them with their candidates."""
        state = self._state
        is_read = state.is_exhausted or self._reader.is_far or not state.may_read
        is_blocked = state.is_stopped or (is_read and not state.rows["pending"])
        if not (state.rows["unknown"] and is_blocked and self.is_at_rest):
            return
        if self._context.options.if_unknown == "rerun" and not state.is_stopped:
            state.rerun_unknown()
            self._context.inbox.put(nothing)
        else:
            self._context.drive(self._deliver_unknown([*state.rows["unknown"].values()]))

    def _deliver_unknown(self, rows: list[Row]) -> _workers.Steps:
        candidates, error = yield partial(self._candidates, rows)
        if error is not None:
            text = "the executions cannot be listed, so rows of unknown outcome have no candidates: %s"
            log(_log, logging.WARNING, text, error)
        self._state.deliver_unknown(candidates or {})

    def _candidates(self, rows: list[Row]) -> dict[int, tuple[Execution, ...]]:
        return candidates_of(rows, self._context.requests.created_since(earliest(rows)))

    def _receive(self) -> None:
        """Wait until something happens or is due, and take it in.

        If the wait is canceled, the next one has what was already received.
        """
        context = self._context
        seconds = 0 if self._received else self._seconds_to_wait()
        if context.requestor.config.clock is None:
            is_stoppable = context.journal.is_durable and not self._state.is_stopped
            self._received += context.inbox.get(min(seconds, _STOP_CHECK) if is_stoppable else seconds)
            self._gather()
            return
        self._received += context.inbox.get(min(seconds, _CLOCK_CHECK) if context.has_work else 0)
        if not self._received and context.is_idle:
            context.requestor.clock.sleep(seconds)

    def _gather(self) -> None:
        """Take in what happens shortly afterwards too, so that one sync of the disk is enough for all of it."""
        context = self._context
        if not context.journal.is_durable:
            return
        ends = monotonic() + _GATHERING
        while self._received and context.has_work and (seconds := ends - monotonic()) > 0:
            self._received += context.inbox.get(seconds)

    def _call_received(self) -> None:
        while self._received:
            self._received.popleft()()

    def _seconds_to_wait(self) -> float:
        if self._was_cut_short:
            return 0.0
        context = self._context
        now = context.now
        window = context.window()
        has_more = self._state.has_more
        times = [
            now + _LONGEST_WAIT,
            self._watcher.due_at(),
            context.plan.next_change(now) if has_more or self._state.rows["unknown"] else None,
            None if window is None or not has_more else now + window[0],
            self._held_until,
            next((row.deadline for row in self._state.rows["running"].values()), None),
        ]
        return max(0.0, min(at for at in times if at is not None) - now)
