"""The scheduler: starts executions, advances them with the clock, and takes over those of another process.

Everything happens inside a transaction of the store, except the handlers. Each handler runs in its own thread, so that
a slow one blocks no request, and its outcome is stored when it ends.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, cast

from fibonacci._logging import log
from fibonacci.definitions import Problem
from fibonacci.emulator.engine import user_handlers
from fibonacci.emulator.engine.compiled import CompiledWorkflow, compiled, misfit
from fibonacci.emulator.engine.definition_problems import by_node, problems_of
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.execution import RunningExecution
from fibonacci.emulator.engine.records import QUEUED, cancelled
from fibonacci.emulator.engine.trace import trace_of
from fibonacci.emulator.engine.user_handlers import HandlerOutcome, HandlerThreads
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.executions import UNFINISHED
from fibonacci.emulator.state.json_encoding import JSONObject
from fibonacci.emulator.state.records import StoredExecution, calls_of
from fibonacci.emulator.state.snapshot import StateFullError, StateReadOnlyError, UnreadableRecordError
from fibonacci.emulator.state.store import Store

Act = Callable[[RunningExecution], None]
"""Does something to an execution that has not ended."""

RunObserver = Callable[[str, JSONObject, list[JSONObject]], object]
"""Called with the name and the definition of a workflow and the trace of a run of it that has ended."""

RUN_OBSERVERS: Final[list[RunObserver]] = []
"""The observers of the runs of all emulators in this process."""

_log: Final = logging.getLogger("fibonacci.emulator")


def _report_end(environment: Environment, execution: StoredExecution, definition: JSONObject | None) -> None:
    """Tell the observers that a run has ended: afterward, its emulator may drop it at any time."""
    if RUN_OBSERVERS:
        workflow = environment.store.workflows.get(execution["workflow_id"])
        name = execution["workflow_id"] if workflow is None else workflow["name"]
        trace = trace_of(environment.store, environment.secrets.ever, execution)
        for observe in RUN_OBSERVERS:
            observe(name, definition or {}, trace)


class StoredExecutions:
    """The executions of one store, which are changed only inside a transaction.

    Args:
        environment: What workflows can reach, the store among it.
        launch: Starts the call of a handler of an execution. Returns the ID of the call.
        on_end: Called with the time at which an execution has ended, unless it ended when it started.
    """

    def __init__(
        self,
        environment: Environment,
        launch: Callable[[str, Callable[[], Any]], str],
        on_end: Callable[[float], object],
    ) -> None:
        self._environment = environment
        self._store = environment.store
        self._launch = launch
        self._on_end = on_end

    def start(
        self, execution: StoredExecution, workflow: CompiledWorkflow, problems: Sequence[Problem], now: float
    ) -> StoredExecution:
        """Start an execution that has not run anything, and return its new record.

        Args:
            execution: Its record, not stored yet unless it was in the queue.
            workflow: Its workflow.
            problems: The problems of the workflow, which are noted in the trace.
            now: The time in Unix seconds.
        """
        nodes = [*({**workflow.unstarted} | {node["id"]: node for node in execution["nodes"]}).values()]
        running = self._running({**execution, "status": "running", "nodes": nodes, "started": now}, workflow)
        for node_id, messages in by_node(problems, [*workflow.nodes]).items():
            running.note(node_id, {"warnings": [*messages]})
        running.start_ready_nodes(now)
        return self._save(running, execution if execution["status"] == QUEUED else None)

    def act(self, execution: StoredExecution, act: Act) -> StoredExecution:
        """Act on a stored execution if it is running, and return its new record."""
        if execution["status"] != "running":
            return execution
        running = self._running(execution, self.workflow_of(execution))
        act(running)
        if running.execution == execution:
            return execution  # reading an execution that waits writes nothing
        after = self._save(running, execution)
        if after["ended"] is not None:
            self._on_end(after["ended"])
        return after

    def process_due(self, execution_id: str, act: Act) -> None:
        """Act on an execution with events that are due."""
        with outliving_damage(self._store, execution_id):
            execution = self._store.executions.get(execution_id)
            if execution is not None:
                self.act(execution, act)

    def workflow_of(self, execution: StoredExecution) -> CompiledWorkflow:
        """Return the workflow of an execution that has not ended, as it was when the execution was requested."""
        definition = self._store.executions.definition_of(execution["id"])
        if definition is None:
            version = self._store.versions.get(execution["workflow_id"], str(execution["workflow_version"]))
            definition = None if version is None else version["definition"]
        return compiled(definition)

    def adopt(self, now: float) -> None:
        """Let the executions of a snapshot go on, or fail those that cannot, with the reason."""
        for execution in list(self._store.executions.records("running")):
            workflow = self.workflow_of(execution)
            fault = misfit(execution, workflow)
            if fault is None:
                self._save(self._running(execution, workflow), execution)
            else:
                error = f"it cannot go on after the restore of a snapshot: {fault}"
                failed: StoredExecution = {**cancelled(execution, now), "status": "failed", "error": error}
                self._store.executions.update(execution, failed)

    def _running(self, execution: StoredExecution, workflow: CompiledWorkflow) -> RunningExecution:
        launch = partial(self._launch, execution["id"])
        return RunningExecution(self._environment, workflow, execution, launch)

    def _save(self, running: RunningExecution, before: StoredExecution | None) -> StoredExecution:
        """Store an execution and its trace, and return its record."""
        executions, execution = self._store.executions, running.execution
        if before is None:
            executions.add(execution, running.notes, due=running.due)
        else:
            executions.update(before, execution, running.notes, due=running.due)
        if running.has_ended:
            _report_end(self._environment, execution, running.workflow.definition)
        return execution


@contextmanager
def outliving_damage(store: Store, execution_id: str) -> Generator[None]:
    """Log that the record of an execution is damaged, and leave it alone from then on: it must not stop the others."""
    try:
        yield
    except UnreadableRecordError:
        log(_log, logging.ERROR, "execution %s is damaged", execution_id, with_exception=True)
        store.executions.stop(execution_id)


_INTERRUPTED: Final = HandlerOutcome(error="the emulator was stopped while the handler was running")


class Recovery:
    """Takes states over, and fails the nodes whose handlers worked in a process that has ended.

    Args:
        store: The state.
        clock: The emulator's clock.
        executions: The executions in the store.
    """

    def __init__(self, store: Store, clock: VirtualClock, executions: StoredExecutions) -> None:
        self._store = store
        self._clock = clock
        self._executions = executions

    def take_over(self, *, is_restored: bool) -> None:
        """Advance the clock to where its last user left it, and fail what no process works on.

        If the state cannot be written, only the clock is advanced.

        Args:
            is_restored: Whether the state is that of a snapshot, whose runs go on now.
        """
        try:
            with self._store.transaction():
                self._resume_clock()
                if is_restored:
                    self._executions.adopt(self._clock.now())
                self.fail_orphaned_calls(self._clock.now())
        except (StateFullError, StateReadOnlyError) as error:
            log(_log, logging.WARNING, "runs stay as they were: %s", error)
            with self._store.reading():
                self._resume_clock()

    def fail_orphaned_calls(self, now: float) -> None:
        """Fail the nodes whose handlers worked in a process that has ended, inside a transaction."""
        for execution_id, calls in self._store.executions.calls():
            orphaned = [call for call in calls if not user_handlers.is_running(call, self._store.owners)]
            if orphaned:
                self._executions.process_due(execution_id, partial(_interrupt, calls=orphaned, now=now))

    def _resume_clock(self) -> None:
        last = next(self._store.clock_state.records(), None)  # not if it is damaged: the emulator could not be opened
        if last is not None:  # time does not go back
            self._clock.advance_to(last["now"])


def _interrupt(running: RunningExecution, calls: Sequence[str], now: float) -> None:
    for call in calls:
        running.complete_call(call, _INTERRUPTED, now)


SETTLE_SECONDS: Final = 0.3
"""Real seconds for which a response waits for the end of its execution, before its status is `running`."""


class Scheduler:
    """Runs the executions of one store.

    Args:
        environment: What workflows can reach, the store among it.
        clock: The emulator's clock.
        limit: Returns how many executions may run at once. Default: any number.

    Attributes:
        environment: What workflows can reach.
    """

    def __init__(
        self, environment: Environment, clock: VirtualClock, limit: Callable[[], float] = lambda: math.inf
    ) -> None:
        self.environment: Final = environment
        self._limit = limit
        self._is_resuming = False
        self._store = environment.store
        self._clock = clock
        self._threads = HandlerThreads(environment.store, clock, self._report)
        self._executions = StoredExecutions(environment, self._threads.launch, self.start_queued)
        self._recovery = Recovery(environment.store, clock, self._executions)
        self._reports: list[tuple[str, str, HandlerOutcome]] = []  # while the state is marked
        clock.on_advance(self._follow_clock)

    def start(
        self, execution: StoredExecution, workflow: CompiledWorkflow, problems: Sequence[Problem], now: float
    ) -> StoredExecution:
        """Start a new execution.

        Args:
            execution: Its record, not stored yet.
            workflow: Its workflow. One without nodes completes with no outputs.
            problems: The problems of the workflow, as `problems_of` returns them.
            now: The time in Unix seconds.

        Returns:
            Its new record. A short execution has ended.
        """
        return self._after_skipping(self._executions.start(execution, workflow, problems, now))

    def enqueue(self, execution: StoredExecution, after: StoredExecution, now: float) -> StoredExecution:
        """Let an execution that was held start as soon as there is a place for it, behind those that wait already.

        Args:
            execution: Its record as it is stored.
            after: Its record with all approvals.
            now: The time in Unix seconds.

        Returns:
            Its new record. A short execution has ended if there was a place.
        """
        executions = self._store.executions
        queued: StoredExecution = {**after, "status": QUEUED}
        executions.update(execution, queued, place=executions.next_place())
        self.start_queued(now)
        return self._after_skipping(executions.get(queued["id"]) or queued)

    def start_queued(self, now: float) -> None:
        """Start the executions in the queue for which there is a place."""
        if self._is_resuming:  # the user registers handlers later: they start with the next request
            return
        executions = self._store.executions
        while (first := executions.first_queued()) is not None and executions.count("running") < self._limit():
            with outliving_damage(self._store, first):
                execution = executions.get(first)
                if execution is not None:
                    workflow = self._executions.workflow_of(execution)
                    self._executions.start(execution, workflow, problems_of(workflow.text, self.environment), now)

    def cancel(self, execution: StoredExecution, now: float, **more: Any) -> StoredExecution:
        """Cancel an execution that has not ended, and drop outputs that its handlers still return.

        Args:
            execution: Its record as it is stored.
            now: The time in Unix seconds.
            **more: Fields that change too.

        Returns:
            Its new record.
        """
        after = cast("StoredExecution", cancelled(execution, now) | more)
        self._store.executions.update(execution, after)
        if execution["status"] == "running":
            _report_end(self.environment, after, self._store.executions.definition_of(after["id"]))
        self.start_queued(now)
        return after

    def refresh(self, execution: StoredExecution, now: float) -> StoredExecution:
        """Bring an execution up to date, and return its record.

        A `skip` clock advances to the end of what executions wait for, unless a handler works.
        """
        if self._store.is_reading:
            return execution
        self._recovery.fail_orphaned_calls(now)
        return self._after_skipping(self._executions.act(execution, lambda running: running.advance(now)))

    def catch_up(self, now: float) -> None:
        """Advance every execution that has an event due, and start those in the queue as places get free."""
        self._recovery.fail_orphaned_calls(now)
        self.start_queued(now)  # the plan may have changed
        executions = self._store.executions
        while executions.count("pending") and (event := self._next_event(now)) is not None:
            first, _, until = event  # one after the other, so that each starts at the time when a place gets free
            self._executions.process_due(first, partial(RunningExecution.advance, now=min(until, now)))
        for execution_id, _ in executions.due("running", now):
            self._executions.process_due(execution_id, lambda running: running.advance(now))

    def has_work(self) -> bool:
        """Return whether a run is in progress, or waits for a place or approval, and may have events to process."""
        return self._store.executions.count(*UNFINISHED) > 0

    def resume(self, *, is_restored: bool = False) -> None:
        """Take over a state: advance the clock to where its last user left it, and fail what no process works on.

        If the state can't be written, this only advances the clock.

        Args:
            is_restored: Whether the state is that of a snapshot, whose runs go on now.
        """
        self._is_resuming = True
        try:
            self._recovery.take_over(is_restored=is_restored)
        finally:
            self._is_resuming = False

    def trace(self, execution: StoredExecution) -> list[JSONObject]:
        """Return the trace of an execution, by the state as it is stored."""
        with self._store.reading():
            return trace_of(self._store, self.environment.secrets.ever, execution)

    def may_end_soon(self, execution: StoredExecution, now: float) -> bool:
        """Return whether `settle` may find the execution ended."""
        return self._seconds_to_event(execution, now) is not None

    def settle(self, execution: StoredExecution) -> tuple[StoredExecution, float]:
        """Wait up to `SETTLE_SECONDS` for the end of an execution, outside of transactions, which would block others.

        Returns:
            Its new record, and the time.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        with self._threads.reports_of(execution["id"]) as reported:
            while True:
                reported.clear()
                execution, now, seconds = self._refreshed(execution)
                left = deadline - time.monotonic()
                if seconds is None or left <= 0:
                    return execution, now
                reported.wait(min(seconds, left))

    def _refreshed(self, execution: StoredExecution) -> tuple[StoredExecution, float, float | None]:
        with self._store.transaction():
            now = self._clock.now()
            stored = self._store.executions.get(execution["id"])
            if stored is None:  # the state was reset or replaced meanwhile
                return execution, now, None
            execution = self.refresh(stored, now)
            return execution, now, self._seconds_to_event(execution, now)

    def _seconds_to_event(self, execution: StoredExecution, now: float) -> float | None:
        """Return the real seconds until an event may occur, or `None` if that is not within `SETTLE_SECONDS`."""
        if execution["status"] != "running":
            return None
        ages = list(map(user_handlers.age, calls_of(execution["nodes"])))
        if self._clock.mode == "skip":  # it may also wait for the handlers of other executions
            ages = list(map(user_handlers.age, self._calls()))
        if ages:
            return SETTLE_SECONDS - min(ages) if min(ages) < SETTLE_SECONDS else None
        due = None if self._clock.mode == "manual" else self._store.executions.due_of(execution["id"])
        return None if due is None or due - now > SETTLE_SECONDS else due - now

    def _after_skipping(self, execution: StoredExecution) -> StoredExecution:
        """Return the record of an execution after the waits have been skipped, if the clock skips them."""
        if self._clock.mode != "skip":
            return execution
        self._skip_waits()
        return self._store.executions.get(execution["id"]) or execution

    def _skip_waits(self) -> None:
        """Advance the clock from event to event of all executions, while no handler works anywhere.

        A handler takes real time. What becomes due meanwhile waits for its end, so that no timeout is skipped.
        """
        while not self._is_a_handler_working() and (event := self._next_event(math.inf)) is not None:
            first, due, until = event
            self._executions.process_due(first, partial(self._skip_waits_of, due=due, until=until))
            self._save_time()

    def _next_event(self, now: float) -> tuple[str, float, float] | None:
        """Return which execution has the first event that is due by a time, when, and when that of another one is."""
        events = self._store.executions.due("running", now, limit=2)
        return None if not events else (*events[0], events[1][1] if len(events) > 1 else math.inf)

    def _skip_waits_of(self, running: RunningExecution, due: float, until: float) -> None:
        """Process the event of an execution that is due, and those after it up to a time or to the call of a handler.

        The execution is stored once: to store all its nodes after each event takes quadratic time.

        Args:
            running: The execution.
            due: When its first event is due, in Unix seconds.
            until: When the first event of another execution is due.
        """
        following: float | None = due
        while following is not None:
            self._clock.skip_to(following)
            running.advance(following)
            following = None if running.has_launched else running.due
            if following is not None and following >= until:
                return

    def _is_a_handler_working(self) -> bool:
        return any(user_handlers.is_running(call, self._store.owners) for call in self._calls())

    def _calls(self) -> Iterator[str]:
        """Yield the IDs of all handler calls in the state."""
        return (call for _, calls in self._store.executions.calls() for call in calls)

    def _follow_clock(self) -> None:
        with self._store.transaction():
            self._save_time()
            self.catch_up(self._clock.now())

    def _save_time(self) -> None:
        self._store.clock_state.put("now", record={"now": self._clock.now()})

    def repeat_reports(self) -> None:
        """Take again the outcomes of handlers that came after a mark to which the state was undone.

        A call that began before the mark is in the state again, but nobody works on it anymore.
        """
        reports = list(self._reports)
        if not self._store.is_marked:
            self._reports.clear()
        for report in reports:
            self._take_report(*report)

    def _report(self, execution_id: str, call: str, outcome: HandlerOutcome) -> None:
        if self._store.is_marked:
            self._reports.append((execution_id, call, outcome))
        self._take_report(execution_id, call, outcome)

    def _take_report(self, execution_id: str, call: str, outcome: HandlerOutcome) -> None:
        execution = self._store.executions.get(execution_id)
        if execution is not None:  # it may have been deleted by a reset
            now = self._clock.now()
            self._executions.act(execution, lambda running: running.complete_call(call, outcome, now))
            if self._clock.mode == "skip":
                self._skip_waits()
