# Derived from fibonacci/_async/batch/context.py by tests/tools/mirror.py; change that file, not this one.
"""What the parts of a batch share, and the requests that they send."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fibonacci._batch.candidates import created_at
from fibonacci._batch.concurrency import UNSTATED, Backoff, ConcurrencyPlan
from fibonacci._batch.estimate import BatchLimits, watch_rate
from fibonacci._batch.journal_errors import changed_error
from fibonacci._batch.journal_schema import version_text
from fibonacci._batch.options import BatchOptions
from fibonacci._batch.progress import ProgressText, note_of
from fibonacci._batch.rows import Row
from fibonacci._batch.sql_journal import SQLJournal
from fibonacci._batch.state import BatchState, ResultList
from fibonacci._batch.watching import StartRate, WatchPlan
from fibonacci._core.messages import Deadline
from fibonacci._core.options import Unset
from fibonacci._core.request import Request
from fibonacci._core.retry import is_final
from fibonacci._core.shared_limits import LONGEST_SILENCE, SharedLimits
from fibonacci._core.urls import path
from fibonacci._core.workflow_requests import execute_workflow, get_execution, get_workflow, list_executions
from fibonacci._sync.batch import _workers
from fibonacci._sync.large_pages import LargePages
from fibonacci._sync.requestor import Requestor
from fibonacci._texts.logging import log
from fibonacci._texts.text import printable_line
from fibonacci.errors import APIError, APIStatusError, JournalError, QuotaExceededError
from fibonacci.models.executions import Execution
from fibonacci.models.organizations import Quota
from fibonacci.models.run_results import RunsBlocker, RunsProgress, RunsSummary
from fibonacci.models.workflows import Workflow


class BatchRequests:
    """Sends the requests about one workflow.

    Args:
        requestor: Sends them.
        workflow_id: The ID of the workflow.

    Attributes:
        workflow_id: The ID of the workflow.
        workflow_request: The request for it.
    """

    def __init__(self, requestor: Requestor, workflow_id: str) -> None:
        self._requestor = requestor
        self.workflow_id: str = workflow_id
        self._pages = LargePages(requestor)
        self._list = list_executions(workflow_id=workflow_id)
        self.workflow_request: Request[Workflow] = get_workflow(workflow_id)

    def workflow(self) -> Workflow:
        """Return the workflow."""
        return self._requestor.send(self.workflow_request)

    def probe(self) -> Workflow:
        """Return the workflow, with a single request."""
        return self._requestor.send(self.workflow_request._replace(can_retry=False))

    def start(self, row: Row, timeout: float | None) -> Execution:
        """Start the workflow for a row, with the row's idempotency key."""
        request = execute_workflow(self.workflow_id, row.inputs, row.idempotency_key)
        config = self._requestor.config
        limit = request.default_timeout if isinstance(config.timeout, Unset) else config.timeout
        seconds = Deadline(timeout, self._requestor.clock).cap(limit)
        return self._requestor.send(request._replace(timeout=seconds))

    def execution(self, execution_id: str) -> Execution:
        """Return one execution."""
        return self._requestor.send(get_execution(execution_id))

    def latest(self) -> Sequence[Execution]:
        """Return the workflow's latest executions, as far as they fit on one page."""
        page, _ = self._pages.send_page(self._list)
        return page.items

    def created_since(self, time: float) -> list[Execution]:
        """Return the workflow's executions that were created since a Unix time, the newest last."""
        found: dict[str, Execution] = {}
        request = self._list
        while True:
            page, following = self._pages.send_page(request)
            recent = [execution for execution in page.items if created_at(execution) >= time]
            found.update((execution.id, execution) for execution in recent)
            if following is None or not recent:
                return [*reversed(found.values())]
            request = self._list._replace(params={**self._list.params, **following})

    def find(self, wanted: Collection[str]) -> tuple[dict[str, Execution], int]:
        """Return the wanted executions that are among the workflow's latest, and how many pages were read."""
        return self._pages.find_executions(self._list, wanted)

    def running(self) -> list[str]:
        """Return the IDs of running executions of all workflows, as far as they fit on one page."""
        page, _ = self._pages.send_page(list_executions(status="running"))
        return [execution.id for execution in page.items]

    def quota(self, organization_id: str) -> Quota:
        """Return the quota of an organization."""
        where = path("/organizations/{organization_id}/quota", organization_id=organization_id)
        return self._requestor.send(Request("GET", where, returns=Quota))


_log = logging.getLogger("fibonacci")

# Seconds between two notes on the progress in the journal: with rows, which are written anyway, and without.
_NOTED_EVERY = 1.0
_NOTED_ALONE_EVERY = 60.0


class BatchContext:
    """What the parts of a batch share.

    Args:
        requestor: Sends the requests.
        requests: The requests about the workflow.
        options: The arguments of `run_many`.
        journal: The open journal. Without one, the list of the results.
        organization_id: The ID of the organization whose quota counts. None if it isn't known.
        definition: The definition of the workflow. None if the platform doesn't send it.
        version: The version of the workflow as text. None if the platform states none.
        limits: The rate limit of the key.
        time_ahead: Seconds by which the platform's clock is ahead of the client's.

    Attributes:
        state: Where each row is.
        plan: How many rows may be started.
        watch: When to look at the running executions.
        starts: How many rows were started in the last minute.
        progress: Describes how far the rows have come.
        inbox: What workers hand to the task that iterates.
        is_iterating: Whether the task that iterates is at work, and not in the body of the user's loop.
        quota: The quota of the organization as last read. None before.
        version_read_at: When the workflow was last read to see its version, on the monotonic clock.
    """

    def __init__(
        self,
        requestor: Requestor,
        requests: BatchRequests,
        options: BatchOptions,
        journal: SQLJournal | ResultList,
        organization_id: str | None,
        definition: Mapping[str, Any] | None,
        version: str | None,
        limits: SharedLimits,
        time_ahead: float,
    ) -> None:
        self.requestor = requestor
        self.requests = requests
        self.options = options
        self.journal = journal
        self.organization_id = organization_id
        self.definition = definition
        self.version = version
        self._versions = {version}
        self.version_read_at: float = self.now
        self.state: BatchState = BatchState(options)
        self.plan: ConcurrencyPlan = ConcurrencyPlan(options.concurrency)
        self.watch: WatchPlan = WatchPlan()
        self.starts: StartRate = StartRate()
        self.inbox: _workers.Inbox = _workers.Inbox()
        self.quota: Quota | None = None
        self.is_iterating: bool = False
        self._workers = _workers.Workers()
        # No lock guards these: what Ctrl-C has interrupted would be between two of them.
        self._under_way: set[_workers.Work] = set()
        self._is_left = False
        self._recording = threading.Lock()  # before that of the journal; it is held while the journal is written
        self._limits = limits
        self._time_ahead = time_ahead
        self._outage_began: float | None = None
        self.progress: ProgressText = ProgressText(self.now, options.total)
        self._noted_at: float = float("-inf")
        self._noted_state: tuple[RunsBlocker | None, int] = (None, 0)

    @property
    def now(self) -> float:
        """Seconds on the monotonic clock."""
        return self.requestor.clock.monotonic()

    @property
    def platform_time(self) -> float:
        """The Unix time on the platform's clock."""
        return self.requestor.clock.time() + self._time_ahead

    @property
    def limits(self) -> BatchLimits:
        """What bounds the rows, as far as it is known."""
        rate = None if self._limits.last is None else self._limits.last.limit
        return BatchLimits.of(self.quota, rate, self.plan.capacity, self.watch.duration)

    @property
    def watch_rate(self) -> float | None:
        """Requests per minute that rows and looks may take. None if it isn't known."""
        left = None if self.options.total is None else max(1, self.state.summary.left)
        return watch_rate(left, self.limits)

    def window(self) -> tuple[float, int] | None:
        """Return the seconds left in the window of the rate limit, and the requests that may still be begun in it."""
        window = self._limits.remaining_window(self.now)
        if window is None:
            return None
        not_admitted = max(0, self.state.count("starting") - self._limits.in_flight)
        return window[0], window[1] - not_admitted

    @property
    def has_work(self) -> bool:
        """Whether a worker is at work."""
        return bool(self._under_way)

    @property
    def is_idle(self) -> bool:
        """Whether no worker is at work, and everything that workers have reported was taken in."""
        return not self._under_way and self.inbox.is_empty  # in this order: a worker reports before it ends

    def drive(self, steps: _workers.Steps) -> None:
        """Run steps in the task that iterates, and the work that they yield in the background.

        Raises:
            RuntimeError: If the system has no thread left for the first piece of work.
        """
        self._work_for(steps, next(steps))

    def go_on(self, steps: _workers.Steps, value: Any, error: BaseException | None = None) -> None:
        """Resume steps with the outcome of what they wait for."""
        with suppress(StopIteration):
            self._work_for(steps, steps.send((value, error)))

    def _work_for(self, steps: _workers.Steps, work: _workers.Work | None) -> None:
        if work is None:
            return
        work = partial(work)  # which is equal to no other
        self._under_way.add(work)
        try:
            self._workers.start(work, partial(self._report, work, steps))
        except BaseException:
            self._under_way.discard(work)
            raise

    def _report(self, work: _workers.Work, steps: _workers.Steps, value: Any, error: BaseException | None) -> None:
        """Tell the task that iterates the outcome of a piece of work. It is called by the worker."""
        self.inbox.put(partial(self._receive, work, steps, value, error))
        self._under_way.discard(work)
        self._close_if_left()

    def _receive(self, work: _workers.Work, steps: _workers.Steps, value: Any, error: BaseException | None) -> None:
        self._under_way.discard(work)  # the worker may not have come to that
        if not self._is_left:
            self.go_on(steps, value, error)

    def drain(self) -> None:
        """Wait until no request is under way, and write what came of them.

        Raises:
            JournalError: If it can't be written.
        """
        while not self.is_idle:
            for function in self.inbox.get(None):
                function()
        if not self._is_left:
            self.write()

    def close_soon(self) -> None:
        """Close the journal as soon as the last worker has ended, so that what workers do is still recorded."""
        self._is_left = True
        self._close_if_left()

    def _close_if_left(self) -> None:
        """Close the journal if it is to be closed, and no worker is left. A second call does nothing.

        It writes what was received before: a second Ctrl-C may have kept the task that iterates from doing that.
        """
        if not self._is_left or self._under_way:
            return
        try:
            self.write()
        except JournalError as error:
            log(_log, logging.WARNING, "%s (%s)", error, "; ".join(error.__notes__))
        finally:
            self.journal.close()

    def record(self, row: Row) -> None:
        """Write what a worker has learned about a row, unless the task that iterates is about to write it with others.

        Raises:
            JournalError: If it can't be written. A note has the ID of its execution.
        """
        self.state.changed.append(row)
        if not self.is_iterating:
            self.write()

    def pause_iterating(self) -> None:
        """Write what came in while the task was iterating. From now on, workers write what they learn."""
        self.is_iterating = False
        self.write()

    def write(self, note: str | None = None) -> None:
        """Write the rows that have changed, unless another thread has: one transaction is enough for many.

        Args:
            note: The note on the progress. None to leave it.

        Raises:
            JournalError: If they can't be written. A note has the IDs of their executions.
        """
        state = self.state
        with self._recording:
            changed = state.changed.copy()
            rows, version = [*dict.fromkeys(changed)], state.new_version
            try:
                self.journal.write(rows, note, version)
            except JournalError as error:
                started = [row for row in rows if row.execution_id]
                if started:
                    names = printable_line(", ".join(f"{row.key}: {row.execution_id}" for row in started))
                    text = "rows were started, but this could not be recorded. The ids of their executions"
                    error.add_note(f"{text}: {names}")
                lost = [row for row in started if row.result is None and row.phase != "overdue"]
                state.unrecorded = {row.index for row in lost}
                raise
            del state.changed[: len(changed)]
            if version is not None:
                state.new_version = None

    def progress_to_note(self, *, is_alone: bool) -> str | None:
        """Return the note on the progress that the journal should have now, or None to leave its present note.

        Args:
            is_alone: Whether nothing else is going to be written.
        """
        now, blocker = self.now, self.blocked_by
        state = blocker, self.state.count("unknown")
        due = self._noted_at + (_NOTED_ALONE_EVERY if is_alone else _NOTED_EVERY)
        if not self.journal.is_durable or (now < due and state == self._noted_state):
            return None
        self._noted_at, self._noted_state = now, state
        return self.requestor.redact(note_of(self.measured_progress()))

    def take_version(self, version: str | None) -> None:
        """Take in the version of the workflow: if it is a new one, stop or continue, as `if_new_version` says."""
        if version is None or version in self._versions:
            return
        self._versions.add(version)
        before, self.version = self.version, version
        if before is None:
            return
        workflow_id = self.requests.workflow_id
        if self.options.if_new_version == "continue":
            text = "the workflow %s was changed from version %s to %s: the remaining rows run with the new one"
            log(_log, logging.WARNING, text, workflow_id, before, version)
            self.state.new_version = version
            return
        self.state.stop(changed_error(self.journal.path, workflow_id, before, version))

    def learn_version(self, row: Row, execution: Execution) -> None:
        """Take in the version that an execution reports, if it does."""
        version = version_text((execution.model_extra or {}).get("workflow_version"))
        if version is not None:
            row.version = version
            if row.attempts == 1 and not row.is_uncertain:  # otherwise it may have been started long ago
                self.take_version(version)

    @property
    def blocked_by(self) -> RunsBlocker | None:
        """What keeps rows from being started, or executions from being seen to end. None while nothing does."""
        plan, state = self.plan, self.state
        is_watching = state.rows["running"] or (state.rows["overdue"] and state.has_more)
        needed = [*([plan.looks] if is_watching else []), *([plan.starts, plan.quota] if state.has_more else [])]
        blockers = [backoff.blocker for backoff in needed if backoff.blocker is not None]
        return min(blockers, key=lambda blocker: blocker.since, default=None)

    @property
    def summary(self) -> RunsSummary:
        """How far the rows have come, and what blocks them."""
        return replace(self.state.summary, blocked_by=self.blocked_by)

    def measured_progress(self) -> RunsProgress:
        """Return how fast rows end. Nothing is known of it while the platform fails."""
        blocker, quota = self.blocked_by, self.plan.quota
        limits = self.limits if blocker is None or blocker is quota.blocker else None
        return self.progress.measured(
            self.summary,
            limits,
            self.now,
            self.requestor.clock.time(),
            paused=max(0.0, quota.until - self.now),
            unknown=[row.key for row in self.state.rows["unknown"].values()],
        )

    def start_failed(self, error: APIError, sent_at: float, *, is_lost: bool = False) -> None:
        """Start rows less and less often while the platform can't carry that out, and stop if that lasts too long.

        Args:
            error: How the request ended.
            sent_at: When it was sent.
            is_lost: Whether a row may have been started nevertheless.
        """
        if is_lost:
            self.plan.lost()
        if self._failed(self.plan.starts, "rows cannot be started", error, sent_at):
            self.state.stop(error)

    def look_failed(self, error: BaseException, sent_at: float) -> None:
        """Look less and less often while looks fail, and end the batch if that lasts too long, or for ever."""
        is_quota = isinstance(error, QuotaExceededError)
        waits = self.options.if_quota_exceeded == "wait" if is_quota else not is_final(error, after_success=True)
        if not isinstance(error, APIError) or not waits:
            self.state.abort(error)
            return
        unstated = UNSTATED if is_quota else None
        if self._failed(self.plan.looks, "executions cannot be read", error, sent_at, unstated) and not is_quota:
            self.state.abort(error)

    def refused_by_quota(self, error: QuotaExceededError, sent_at: float) -> None:
        """Wait for a quota that ends at a time, or stop with its error, as `if_quota_exceeded` says."""
        if self.options.if_quota_exceeded == "raise":
            self.state.stop(error)
        else:
            self._failed(self.plan.quota, "a quota is used up", error, sent_at)

    def start_passed(self, sent_at: float) -> None:
        """Record that a row was started."""
        self.plan.started(sent_at)
        self._end_outage()

    def look_passed(self, sent_at: float) -> None:
        """Record that executions could be read."""
        self.plan.looks.passed(sent_at)
        self._end_outage()

    def _failed(
        self, backoff: Backoff, what: str, error: APIError, sent_at: float, unstated: float | None = None
    ) -> bool:
        """Record a failure, and return whether requests of its kind have failed for too long.

        Args:
            backoff: The failures of its kind.
            what: What fails, in words.
            error: How the request ended.
            sent_at: When it was sent.
            unstated: How long to wait if the platform doesn't say. None for longer each time.
        """
        before, now, time = backoff.until, self.now, self.requestor.clock.time()
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        is_given_up = backoff.failed(sent_at, now, unstated if asked is None else asked)
        if backoff.until != before:
            since = datetime.fromtimestamp(time, UTC) if backoff.blocker is None else backoff.blocker.since
            next_try_at = datetime.fromtimestamp(time + backoff.until - now, UTC)
            backoff.blocker = RunsBlocker(reason=f"{what}: {error}", since=since, next_try_at=next_try_at)
            if backoff is self.plan.quota:
                if before <= now and (seconds := backoff.until - now) > LONGEST_SILENCE:
                    text = "workflow %s: rows are waiting %.0f s, because %s"
                    log(_log, logging.WARNING, text, self.requests.workflow_id, seconds, f"{what}: {error}")
            elif self._outage_began is None:
                self._outage_began = now
                log(_log, logging.WARNING, "workflow %s: %s", self.requests.workflow_id, backoff.blocker)
        return is_given_up

    def warn_of_rate_limit(self, seconds: float) -> None:
        """Log that rows wait for the rate limit, if that is long, once for all of them."""
        if self._limits.is_news(seconds, self.now):
            text = "workflow %s: rows are waiting %.0f s for the rate limit"
            log(_log, logging.WARNING, text, self.requests.workflow_id, seconds)

    def _end_outage(self) -> None:
        if self._outage_began is not None and self.plan.starts.since is None and self.plan.looks.since is None:
            text, seconds = "workflow %s: the platform is back after %.0f s", self.now - self._outage_began
            log(_log, logging.WARNING, text, self.requests.workflow_id, seconds)
            self._outage_began = None


def nothing() -> None:
    """Do nothing: it ends a wait."""
