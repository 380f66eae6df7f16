"""The scheduler: starts executions, advances them with the clock, and calls user handlers.

Everything is done inside a transaction of the store, except the handlers: each runs in a thread of its own, so that a
slow one blocks no request, and its outcome is stored when it ends.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from fibonacci._log_records import log
from fibonacci.definitions import Problem
from fibonacci.emulator.engine import handler_calls
from fibonacci.emulator.engine.compiled import CompiledWorkflow, compiled
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.execution import RunningExecution
from fibonacci.emulator.engine.trace import trace_of
from fibonacci.emulator.engine.unknown_names import by_node, unknown_names
from fibonacci.emulator.engine.user_handlers import HandlerOutcome, call_handler
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.errors import StateFullError, StateReadOnlyError, UnreadableRecordError
from fibonacci.emulator.state.tables import Record

SETTLE_SECONDS: Final = 0.3
"""Real seconds for which a response waits for the end of its execution, before its status is `running`."""

DAMAGE: Final = (UnreadableRecordError, LookupError, TypeError, ValidationError)
"""What a damaged record of one execution raises; it must not stop the others."""

_INTERRUPTED: Final = HandlerOutcome(error="the emulator was stopped while the handler worked")

_log: Final = logging.getLogger("fibonacci.emulator")


class Scheduler:
    """Runs the executions of one store.

    Args:
        environment: What workflows can reach, the store among it.
        clock: The emulator's clock.

    Attributes:
        environment: What workflows can reach.
    """

    def __init__(self, environment: Environment, clock: VirtualClock) -> None:
        self.environment: Final = environment
        self._store = environment.store
        self._clock = clock
        self._waiters: dict[str, list[threading.Event]] = {}  # by execution: a report wakes only those it concerns
        self._lock = threading.Lock()
        clock.on_advance(self._follow_clock)

    def start(self, execution: Record, definition: Record | None, now: float) -> Record:
        """Start a new execution. What its nodes ask for that is not known is noted in its trace.

        Args:
            execution: Its record, not stored yet.
            definition: The present definition of its workflow.
            now: The time in Unix seconds.

        Returns:
            Its new record; a short execution has ended.
        """
        workflow = compiled(definition)
        nodes = list(workflow.nodes.values())
        for node_id, messages in by_node(self.unknown_in(workflow), nodes).items():
            self._store.traces.put(execution["id"], node_id, record={"warnings": messages})
        run: Record = {"definition": definition, "chosen": {}}
        execution = self._advance(execution, run, lambda running: running.start_ready_nodes(now))
        return self._after_skipping(execution)

    def unknown_in(self, workflow: CompiledWorkflow) -> list[Problem]:
        """Return what a workflow asks for that is not known: fields, tools, parameters, models."""
        nodes = list(workflow.nodes.values())
        environment = self.environment
        return [*workflow.problems, *unknown_names(nodes, environment.handlers, environment.models)]

    def refresh(self, execution: Record, now: float) -> Record:
        """Bring an execution up to date; return its record.

        A `skip` clock advances to the end of what executions wait for, unless a handler works.
        """
        if self._store.is_reading:
            return execution
        self.fail_orphaned_calls(now)
        return self._after_skipping(self._resume(execution, lambda running: running.advance(now)))

    def catch_up(self, now: float) -> None:
        """Advance every execution that has an event due; called before each request is handled."""
        if self._store.is_reading:
            return
        self.fail_orphaned_calls(now)
        for (execution_id,) in list(self._store.timers.due(now)):
            self._advance_stored(execution_id, now)

    def has_work(self) -> bool:
        """Return whether a run is under way or waits for approval, so that its events may have to be processed."""
        return self._store.runs.count() > 0 or self._store.held.count() > 0

    def fail_orphaned_calls(self, now: float) -> None:
        """Fail the nodes whose handlers worked in a process that has ended."""
        for (execution_id,) in list(self._store.calls.keys()):
            try:
                record = self._store.calls.get(execution_id) or {"calls": []}
                orphaned = [call for call in record["calls"] if not self._is_running(call)]
                execution = self._store.executions.get(execution_id)
                if execution is None:
                    self._store.calls.delete(execution_id)
                elif orphaned:
                    self._resume(execution, partial(_interrupt, calls=orphaned, now=now))
            except DAMAGE:
                self._report_damage(execution_id)
                self._store.calls.delete(execution_id)

    def resume(self) -> None:
        """Take a state over: advance the clock to where its last user left it, and fail what no process works on.

        If it cannot be written, only the clock is advanced.
        """
        try:
            with self._store.transaction():
                self._resume_clock()
                self._find_calls()
                self.fail_orphaned_calls(self._clock.now())
        except (StateFullError, StateReadOnlyError) as error:
            log(_log, logging.WARNING, "runs are as they were left: %s", error)
            with self._store.reading():
                self._resume_clock()

    def _resume_clock(self) -> None:
        last = self._store.clock_state.get("now")
        if last is not None:  # time does not go back
            self._clock.advance_to(last["now"])

    def _find_calls(self) -> None:
        """Note the calls of running executions; older versions did not."""
        for (execution_id,) in list(self._store.runs.keys()):
            try:
                execution = self._store.executions.get(execution_id) or {"nodes": []}
                calls = [node["call"] for node in execution["nodes"] if node["phase"] == "call"]
            except DAMAGE:
                self._report_damage(execution_id)
                continue
            if calls and self._store.calls.get(execution_id) != {"calls": calls}:
                self._store.calls.put(execution_id, record={"calls": calls})

    def _report_damage(self, execution_id: str) -> None:
        log(_log, logging.ERROR, "execution %s is damaged", execution_id, with_exception=True)

    def trace(self, execution: Record) -> list[Record]:
        """Return the trace of an execution, by the state as it is stored."""
        with self._store.reading():
            return trace_of(self._store, self.environment.secrets.ever, execution)

    def may_end_soon(self, execution: Record, now: float) -> bool:
        """Return whether `settle` may find the execution ended."""
        return self._seconds_to_event(execution, now) is not None

    def settle(self, execution: Record) -> tuple[Record, float]:
        """Wait up to `SETTLE_SECONDS` for the end of an execution; outside of any transaction: it would block others.

        Returns:
            Its new record, and the time.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        with self._reports_of(execution["id"]) as reported:
            while True:
                reported.clear()
                execution, now, seconds = self._refreshed(execution)
                left = deadline - time.monotonic()
                if seconds is None or left <= 0:
                    return execution, now
                reported.wait(min(seconds, left))

    @contextmanager
    def _reports_of(self, execution_id: str) -> Generator[threading.Event]:
        """Yield an event that is set whenever a handler of the execution has ended."""
        reported = threading.Event()
        with self._lock:
            self._waiters.setdefault(execution_id, []).append(reported)
        try:
            yield reported
        finally:
            with self._lock:
                self._waiters[execution_id].remove(reported)
                if not self._waiters[execution_id]:
                    del self._waiters[execution_id]

    def _refreshed(self, execution: Record) -> tuple[Record, float, float | None]:
        with self._store.transaction():
            now = self._clock.now()
            execution = self.refresh(self._store.executions.get(execution["id"]) or execution, now)
            return execution, now, self._seconds_to_event(execution, now)

    def _seconds_to_event(self, execution: Record, now: float) -> float | None:
        """Return the real seconds until an event may occur; `None` if that is not within `SETTLE_SECONDS`."""
        if execution["status"] != "running":
            return None
        ages = [handler_calls.age(node["call"]) for node in execution["nodes"] if node["phase"] == "call"]
        if self._clock.mode == "skip":  # it may also wait for the handlers of other executions
            ages = list(map(handler_calls.age, self._calls()))
        if ages:
            return SETTLE_SECONDS - min(ages) if min(ages) < SETTLE_SECONDS else None
        timer = self._store.timers.get(execution["id"])
        if timer is None or self._clock.mode == "manual" or timer["due"] - now > SETTLE_SECONDS:
            return None
        return float(timer["due"] - now)

    def _resume(self, execution: Record, act: Callable[[RunningExecution], None]) -> Record:
        """Act on a stored execution, unless it has ended or waits for approval."""
        run = self._store.runs.get(execution["id"])
        return execution if run is None else self._advance(execution, run, act)

    def _advance(self, execution: Record, run: Record, act: Callable[[RunningExecution], None]) -> Record:
        running = RunningExecution(self.environment, execution, run, partial(self._launch, execution["id"]))
        act(running)
        if running.execution != execution or running.run != run:  # reading an execution that waits writes nothing
            self._save(running)
        return running.execution

    def _advance_stored(self, execution_id: str, now: float) -> None:
        try:
            execution = self._store.executions.get(execution_id)
            if execution is None:
                self._store.timers.delete(execution_id)
            else:
                self._resume(execution, lambda running: running.advance(now))
        except DAMAGE:
            self._report_damage(execution_id)
            self._store.timers.delete(execution_id)

    def _after_skipping(self, execution: Record) -> Record:
        """Return the record of an execution after the waits have been skipped, if the clock skips them."""
        if self._clock.mode != "skip":
            return execution
        self._skip_waits()
        return self._store.executions.get(execution["id"]) or execution

    def _skip_waits(self) -> None:
        """Advance the clock from event to event of all executions, while no handler works anywhere.

        A handler takes real time: what is due meanwhile waits for its end, so that no timeout is jumped over.
        """
        while not self._is_a_handler_working():
            (execution_id,) = next(self._store.timers.due(math.inf), ("",))
            timer = self._store.timers.get(execution_id)
            if timer is None:
                return
            self._clock.skip_to(timer["due"])
            self._save_time()
            self._advance_stored(execution_id, timer["due"])

    def _is_a_handler_working(self) -> bool:
        return any(map(self._is_running, self._calls()))

    def _is_running(self, call: str) -> bool:
        return handler_calls.is_running(call, self._store.owners)

    def _calls(self) -> Iterator[str]:
        """Yield the ids of all handler calls in the state."""
        return (call for record in self._store.calls.records() for call in record["calls"])

    def _follow_clock(self) -> None:
        with self._store.transaction():
            self._save_time()
            self.catch_up(self._clock.now())

    def _save_time(self) -> None:
        self._store.clock_state.put("now", record={"now": self._clock.now()})

    def _save(self, running: RunningExecution) -> None:
        store, name, due = self._store, running.execution["id"], running.due
        store.executions.put(name, record=running.execution)
        for node_id, note in running.notes.items():
            store.traces.put(name, node_id, record=(store.traces.get(name, node_id) or {}) | note)
        if running.calls:
            store.calls.put(name, record={"calls": running.calls})
        elif running.had_calls:
            store.calls.delete(name)
        if due is None:
            store.timers.delete(name)
        else:
            store.timers.put(name, record={"due": due})
        if running.has_ended:
            store.runs.delete(name)
        else:
            store.runs.put(name, record=running.run)

    def _launch(self, execution_id: str, work: Callable[[], Any]) -> str:
        call = handler_calls.register(self._store.owners)
        # It cannot report before this transaction ends; if that fails, the report finds no execution and is dropped.
        arguments = (execution_id, call, work)
        threading.Thread(target=self._work, args=arguments, name="fibonacci-emulator-handler", daemon=True).start()
        return call

    def _work(self, execution_id: str, call: str, work: Callable[[], Any]) -> None:
        outcome = call_handler(work)
        try:
            if not self._store.is_closed:  # else the next process finds a call whose owner is gone
                with self._store.transaction():
                    self._report(execution_id, call, outcome)
        except Exception:  # the file is gone or full: the next refresh finds a call that ended without a report
            text = "the outcome of a handler could not be stored"
            log(_log, logging.ERROR, text, with_exception=True, execution_id=execution_id)
        finally:
            handler_calls.finish(call)
        with self._lock:
            ids = list(self._waiters) if self._clock.mode == "skip" else [execution_id]
            for reported in (each for name in ids for each in self._waiters.get(name, ())):
                reported.set()

    def _report(self, execution_id: str, call: str, outcome: HandlerOutcome) -> None:
        execution = self._store.executions.get(execution_id)
        if execution is not None:  # it may have been deleted by a reset
            now = self._clock.now()
            self._resume(execution, lambda running: running.complete_call(call, outcome, now))
            if self._clock.mode == "skip":
                self._skip_waits()


def _interrupt(running: RunningExecution, calls: Sequence[str], now: float) -> None:
    for call in calls:
        running.complete_call(call, _INTERRUPTED, now)
