"""The scheduler: starts executions, advances them with the clock, and takes over those of another process.

Everything happens inside a transaction of the store, except the handlers. Each handler runs in its own thread, so that
a slow one blocks no request, and its outcome is stored when it ends.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, cast

from fibonacci._texts.logging import log
from fibonacci.definitions import Problem
from fibonacci.emulator.account import Account
from fibonacci.emulator.engine import user_handlers
from fibonacci.emulator.engine.compiled import CompiledWorkflow, by_node, compiled, problems_of
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.execution import RunningExecution
from fibonacci.emulator.engine.records import QUEUED, canceled
from fibonacci.emulator.engine.trace import trace_of
from fibonacci.emulator.engine.user_handlers import HandlerOutcome, HandlerThreads
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.executions import UNFINISHED
from fibonacci.emulator.state.json_encoding import JSONObject
from fibonacci.emulator.state.records import StoredExecution, calls_of
from fibonacci.emulator.state.snapshot import StateError, StateFullError, StateReadOnlyError

Act = Callable[[RunningExecution], None]
"""Does something to an execution that has not ended."""

RunObserver = Callable[[str, JSONObject, list[JSONObject]], object]
"""Called when a run has ended, with the name and the definition of its workflow, and its trace."""

RUN_OBSERVERS: Final[list[RunObserver]] = []
"""The observers of the runs of all emulators in this process."""

_log: Final = logging.getLogger("fibonacci.emulator")


_INTERRUPTED: Final = HandlerOutcome(error="the emulator was stopped while the handler was running")

WAIT_SECONDS: Final = 0.3
"""How many real seconds a response waits for its execution to end, before it says `running`."""


class Scheduler:
    """Runs the executions of one store, which are changed only inside a transaction.

    Args:
        environment: What workflows can reach, the store among it.
        clock: The emulator's clock.
        account: The account, whose quota says how many executions may run at once.
    """

    def __init__(self, environment: Environment, clock: VirtualClock, account: Account) -> None:
        self._environment = environment
        self._account = account
        self._is_resuming = False
        self._store = environment.store
        self._clock = clock
        self._threads = HandlerThreads(environment.store, clock, self._report)
        self._reports: list[tuple[str, str, HandlerOutcome]] = []  # while the state is marked
        clock.on_advance(self._follow_clock)

    def start(
        self, execution: StoredExecution, workflow: CompiledWorkflow, problems: Sequence[Problem], now: float
    ) -> StoredExecution:
        """Start a new execution.

        Args:
            execution: Its record, not stored yet.
            workflow: Its workflow. One without nodes completes with no outputs.
            problems: The problems of the workflow, as `problems_of` returns them, which are noted in the trace.
            now: The time in Unix seconds.

        Returns:
            Its new record. A short execution has ended.
        """
        return self._after_skipping(self._start(execution, workflow, problems, now))

    def enqueue(self, execution: StoredExecution, after: StoredExecution, now: float) -> StoredExecution:
        """Let an execution that was held start when there is a place for it, after those that are already waiting.

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
        """Start queued executions while there are places."""
        if self._is_resuming:  # the user registers handlers later: they start with the next request
            return
        executions = self._store.executions
        while (first := executions.first_queued()) is not None and executions.count("running") < self._free_places():
            workflow = self._workflow_of(first)
            self._start(first, workflow, problems_of(workflow.text, self._environment), now)

    def _free_places(self) -> int:
        return self._account.quota(self._store, self._environment.organization)["concurrent_executions"]

    def _start(
        self, execution: StoredExecution, workflow: CompiledWorkflow, problems: Sequence[Problem], now: float
    ) -> StoredExecution:
        nodes = [*({**workflow.unstarted} | {node["id"]: node for node in execution["nodes"]}).values()]
        running = self._running({**execution, "status": "running", "nodes": nodes, "started": now}, workflow)
        for node_id, messages in by_node(problems, [*workflow.nodes]).items():
            running.note(node_id, {"warnings": [*messages]})
        running.start_ready_nodes(now)
        return self._save(running, execution if execution["status"] == QUEUED else None)

    def _act(self, execution: StoredExecution, act: Act) -> StoredExecution:
        """Act on a stored execution if it is running, and return its new record."""
        if execution["status"] != "running":
            return execution
        running = self._running(execution, self._workflow_of(execution))
        act(running)
        if running.execution == execution:
            return execution  # reading a waiting execution must write nothing
        after = self._save(running, execution)
        if after["ended"] is not None:
            self.start_queued(after["ended"])
        return after

    def _act_by_id(self, execution_id: str, act: Act) -> None:
        execution = self._store.executions.get(execution_id)
        if execution is not None:  # it may have been deleted by a reset
            self._act(execution, act)

    def _workflow_of(self, execution: StoredExecution) -> CompiledWorkflow:
        """Return the workflow of an execution that has not ended, as it was when the execution was requested."""
        definition = self._store.executions.definition_of(execution["id"])
        if definition is None:
            version = self._store.versions.get(execution["workflow_id"], str(execution["workflow_version"]))
            definition = None if version is None else version["definition"]
        return compiled(definition)

    def _running(self, execution: StoredExecution, workflow: CompiledWorkflow) -> RunningExecution:
        launch = partial(self._threads.launch, execution["id"])
        return RunningExecution(self._environment, workflow, execution, launch)

    def _save(self, running: RunningExecution, before: StoredExecution | None) -> StoredExecution:
        """Store an execution and its trace, and return its record."""
        executions, execution = self._store.executions, running.execution
        if before is None:
            executions.add(execution, running.notes, due=running.due)
        else:
            executions.update(before, execution, running.notes, due=running.due)
        if running.has_ended:
            self._report_end(execution, running.workflow.definition)
        return execution

    def _report_end(self, execution: StoredExecution, definition: JSONObject | None) -> None:
        """Tell the observers that a run has ended. Its emulator may drop it at any time after that."""
        if RUN_OBSERVERS:
            workflow = self._store.workflows.get(execution["workflow_id"])
            name = execution["workflow_id"] if workflow is None else workflow["name"]
            trace = self.trace(execution)
            for observe in RUN_OBSERVERS:
                observe(name, definition or {}, trace)

    def cancel(self, execution: StoredExecution, now: float, **more: Any) -> StoredExecution:
        """Cancel an execution that has not ended, and drop outputs that its handlers still return.

        Args:
            execution: Its record as it is stored.
            now: The time in Unix seconds.
            **more: Fields that change too.

        Returns:
            Its new record.
        """
        after = cast("StoredExecution", canceled(execution, now) | more)
        self._store.executions.update(execution, after)
        if execution["status"] == "running":
            self._report_end(after, self._store.executions.definition_of(after["id"]))
        self.start_queued(now)
        return after

    def refresh(self, execution: StoredExecution, now: float) -> StoredExecution:
        """Bring an execution up to date, and return its record.

        A `skip` clock advances to the end of all waits, unless a handler is running.
        """
        if self._store.is_reading:
            return execution
        self._fail_orphaned_calls(now)
        return self._after_skipping(self._act(execution, lambda running: running.advance(now)))

    def catch_up(self, now: float) -> None:
        """Advance every execution that has an event due, and start queued ones as places become free."""
        self._fail_orphaned_calls(now)
        self.start_queued(now)  # the plan may have changed
        executions = self._store.executions
        while executions.count("pending") and (event := self._next_event(now)) is not None:
            first, _, until = event  # one after the other, so that each starts when a place becomes free
            self._act_by_id(first, partial(RunningExecution.advance, now=min(until, now)))
        for execution_id, _ in executions.due("running", now):
            self._act_by_id(execution_id, lambda running: running.advance(now))

    def has_work(self) -> bool:
        """Return whether a run is in progress, or waits for a place or approval, and may have events to process."""
        return self._store.executions.count(*UNFINISHED) > 0

    def resume(self) -> None:
        """Take over a state: advance the clock to where its last user left it, and fail what no process is working on.

        If the state can't be written, this only advances the clock.
        """
        self._is_resuming = True
        try:
            with self._store.transaction():
                self._resume_clock()
                self._fail_orphaned_calls(self._clock.now())
        except (StateFullError, StateReadOnlyError) as error:
            log(_log, logging.WARNING, "runs stay as they were: %s", error)
            with self._store.reading():
                self._resume_clock()
        finally:
            self._is_resuming = False

    def restore(self, snapshot: bytes) -> None:
        """Replace the state with that of a snapshot. Its runs continue, but nodes whose handlers were running fail.

        Raises:
            StateError: If it is not a snapshot, or cannot be stored. Nothing is changed then.
        """
        with self._store.transaction():
            self._store.restore(snapshot)
            self.resume()

    def _fail_orphaned_calls(self, now: float) -> None:
        """Fail the nodes whose handlers were running in a process that has ended."""
        for execution_id, calls in self._store.executions.calls():
            orphaned = [call for call in calls if not user_handlers.is_running(call, self._store.owners)]
            if orphaned:
                self._act_by_id(execution_id, partial(_interrupt, calls=orphaned, now=now))

    def _resume_clock(self) -> None:
        last = next(self._store.clock_state.records(), None)
        if last is not None:  # time does not go back
            self._clock.advance_to(last["now"])

    def trace(self, execution: StoredExecution) -> list[JSONObject]:
        """Return the trace of an execution from the stored state."""
        with self._store.reading():
            return trace_of(self._store, self._environment.secrets.every_value, execution)

    def wait_for(self, execution: StoredExecution, now: float) -> tuple[StoredExecution, float]:
        """Wait a moment for the end of an execution, outside of transactions, which would block others.

        It waits up to `WAIT_SECONDS`, and only if the end may come in that time. If the state cannot be used meanwhile,
        the execution stays as it is.

        Returns:
            Its new record, and the time.
        """
        if execution["status"] != "running":
            return execution, now
        deadline = time.monotonic() + WAIT_SECONDS
        try:
            with self._threads.reports_of(execution["id"]) as reported:
                while True:
                    reported.clear()
                    with self._store.transaction():
                        stored = self._store.executions.get(execution["id"])
                        if stored is None:  # the state was reset or replaced meanwhile
                            return execution, now
                        now = self._clock.now()
                        execution = self.refresh(stored, now)
                        seconds = self._seconds_to_event(execution, now)
                    left = deadline - time.monotonic()
                    if seconds is None or left <= 0:
                        return execution, now
                    reported.wait(min(seconds, left))
        except StateError as error:  # the request itself was stored
            log(_log, logging.WARNING, "the end of %s is not waited for: %s", execution["id"], error)
            return execution, now

    def _seconds_to_event(self, execution: StoredExecution, now: float) -> float | None:
        """Return the real seconds until an event may occur, or `None` if that is not within `WAIT_SECONDS`."""
        if execution["status"] != "running":
            return None
        # In mode "skip", events wait until no handler works, of any execution.
        calls = list(self._calls() if self._clock.mode == "skip" else calls_of(execution["nodes"]))
        if calls:  # the newest may return at any moment, until it has worked for too long
            seconds = WAIT_SECONDS - min(map(user_handlers.age, calls))
            return seconds if seconds > 0 else None
        due = None if self._clock.mode == "manual" else self._store.executions.due_of(execution["id"])
        return None if due is None or due - now > WAIT_SECONDS else due - now

    def _after_skipping(self, execution: StoredExecution) -> StoredExecution:
        """Return the record of an execution after the waits have been skipped, if the clock skips them."""
        if self._clock.mode != "skip":
            return execution
        self._skip_waits()
        return self._store.executions.get(execution["id"]) or execution

    def _skip_waits(self) -> None:
        """Advance the clock from event to event of all executions, while no handler is running anywhere.

        A handler takes real time. Events wait for it to end, so that no timeout is skipped.
        """
        while not self._is_a_handler_working() and (event := self._next_event(math.inf)) is not None:
            first, due, until = event
            self._act_by_id(first, partial(self._skip_waits_of, due=due, until=until))
            self._save_time()

    def _next_event(self, now: float) -> tuple[str, float, float] | None:
        """Return the execution with the first event due by `now`, its time, and the time of the next execution's."""
        events = self._store.executions.due("running", now, limit=2)
        return None if not events else (*events[0], events[1][1] if len(events) > 1 else math.inf)

    def _skip_waits_of(self, running: RunningExecution, due: float, until: float) -> None:
        """Process the due event of an execution, and those after it up to a time or the call of a handler.

        The execution is stored once: storing all its nodes after each event would take quadratic time.

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
        """Apply again the outcomes that handlers reported after a mark, once the state is back at that mark.

        A call that began before the mark is in the state again, but its handler has already returned.
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
        now = self._clock.now()
        self._act_by_id(execution_id, lambda running: running.complete_call(call, outcome, now))
        if self._clock.mode == "skip":
            self._skip_waits()


def _interrupt(running: RunningExecution, calls: Sequence[str], now: float) -> None:
    for call in calls:
        running.complete_call(call, _INTERRUPTED, now)
