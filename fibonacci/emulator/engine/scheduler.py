"""Runs executions: starts them, carries them on as the time passes, and calls the user's handlers.

Everything happens inside a transaction of the store, except the handlers: each works in a thread of its own, so that a
slow one keeps nobody waiting, and reports when it has finished.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from fibonacci.emulator.engine import handler_calls
from fibonacci.emulator.engine.execution import RunningExecution
from fibonacci.emulator.engine.node_executor import Environment
from fibonacci.emulator.engine.user_handlers import HandlerOutcome, UserHandlers, call_handler
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.store import Record

PATIENCE: Final = 0.3
"""Real seconds for which executing a workflow waits for its end before it answers `running`."""

_INTERRUPTED: Final = HandlerOutcome(error="the emulator was stopped while the handler worked")

_log: Final = logging.getLogger("fibonacci.emulator")


class Scheduler:
    """Runs the executions of one store.

    Attributes:
        handlers: The user's functions in the place of the stand-ins.
    """

    def __init__(self, world: Environment, clock: VirtualClock) -> None:
        self.handlers: UserHandlers = world.handlers
        self._world = world
        self._store = world.store
        self._clock = clock
        self._waiters: dict[str, list[threading.Event]] = {}  # by execution: only those it concerns wake up
        self._lock = threading.Lock()
        clock.on_advance(self._follow_clock)

    def start(self, execution: Record, definition: Record | None, now: float) -> Record:
        """Start a new execution.

        Args:
            execution: Its record, not kept yet.
            definition: The definition of its workflow as it is now.
            now: The time in Unix seconds.

        Returns:
            The record as it is then; a short execution has ended.
        """
        return self._go_on(execution, {"definition": definition, "chosen": {}}, lambda running: running.begin(now))

    def look(self, execution: Record, now: float) -> Record:
        """Return an execution as it is now.

        Where waits are skipped, looking at a running one moves the clock to the end of what it waits for.
        """

        def fail_orphaned_calls(running: RunningExecution) -> None:
            for call in running.calls:
                if not handler_calls.is_at_work(call):
                    running.report(call, _INTERRUPTED, now)
            running.carry_on(now)

        return self._resume(execution, fail_orphaned_calls)

    def catch_up(self, now: float) -> None:
        """Carry on every execution in which something is due; called before each request is answered."""
        due = [(timer["due"], *key) for key, timer in self._store.timers.items() if timer["due"] <= now]
        for _, execution_id in sorted(due):
            execution = self._store.executions.get(execution_id)
            if execution is not None:
                self._resume(execution, lambda running: running.carry_on(now), may_skip=False)

    def resume_clock(self) -> None:
        """Take up the time where whoever used the state before has left it, so that it does not go back."""
        with self._store.transaction():
            last = self._store.clock_state.get("moved")
        if last is not None:
            self._clock.advance_to(last["now"])

    def may_end_soon(self, execution: Record, now: float) -> bool:
        """Tell whether it is worth to let an execution `settle`."""
        return self._prospect(execution, now) is not None

    def settle(self, execution: Record) -> tuple[Record, float]:
        """Wait a moment for the end of an execution; outside of any transaction, since others have to go on.

        Returns:
            The record as it then is, and the time.
        """
        deadline = time.monotonic() + PATIENCE
        with self._news_of(execution["id"]) as news:
            while True:
                news.clear()
                execution, now, prospect = self._seen(execution)
                left = deadline - time.monotonic()
                if prospect is None or left <= 0:
                    return execution, now
                news.wait(min(prospect, left))

    @contextmanager
    def _news_of(self, execution_id: str) -> Generator[threading.Event]:
        """An event that is set whenever a handler of the execution has reported."""
        news = threading.Event()
        with self._lock:
            self._waiters.setdefault(execution_id, []).append(news)
        try:
            yield news
        finally:
            with self._lock:
                self._waiters[execution_id].remove(news)
                if not self._waiters[execution_id]:
                    del self._waiters[execution_id]

    def _seen(self, execution: Record) -> tuple[Record, float, float | None]:
        with self._store.transaction():
            now = self._clock.now()
            execution = self.look(self._store.executions.get(execution["id"]) or execution, now)
            return execution, now, self._prospect(execution, now)

    def _prospect(self, execution: Record, now: float) -> float | None:
        """How many real seconds to wait until something may happen; `None` when nothing will soon."""
        if execution["status"] != "running":
            return None
        ages = [handler_calls.age(node["call"]) for node in execution["nodes"] if node["phase"] == "call"]
        if ages:
            return PATIENCE - min(ages) if min(ages) < PATIENCE else None
        timer = self._store.timers.get(execution["id"])
        if timer is None or self._clock.mode == "manual" or timer["due"] - now > PATIENCE:
            return None
        return float(timer["due"] - now)

    def _resume(self, execution: Record, act: Callable[[RunningExecution], None], *, may_skip: bool = True) -> Record:
        """Let something happen in an execution that was kept, unless it has ended or waits for approval."""
        run = self._store.runs.get(execution["id"])
        return execution if run is None else self._go_on(execution, run, act, may_skip=may_skip)

    def _go_on(
        self, execution: Record, run: Record, act: Callable[[RunningExecution], None], *, may_skip: bool = True
    ) -> Record:
        running = RunningExecution(self._world, execution, run, partial(self._launch, execution["id"]))
        act(running)
        if may_skip and self._clock.mode == "skip":
            self._skip(running)
        self._keep(running)
        return running.execution

    def _skip(self, running: RunningExecution) -> None:
        """Move the clock to whatever the execution waits for; a handler at work is waited for in earnest."""
        while not running.calls and (due := running.due) is not None:
            self._clock.advance_to(due)
            self._note_time()
            running.carry_on(due)

    def _follow_clock(self) -> None:
        with self._store.transaction():
            self._note_time()
            self.catch_up(self._clock.now())

    def _note_time(self) -> None:
        self._store.clock_state.put("moved", record={"now": self._clock.now()})

    def _keep(self, running: RunningExecution) -> None:
        store, name, due = self._store, running.execution["id"], running.due
        store.executions.put(name, record=running.execution)
        if due is None:
            store.timers.delete(name)
        else:
            store.timers.put(name, record={"due": due})
        if running.has_ended:
            store.runs.delete(name)
        else:
            store.runs.put(name, record=running.run)

    def _launch(self, execution_id: str, work: Callable[[], Any]) -> str:
        call = handler_calls.begin()
        # It cannot report before this transaction is over; should that fail, the report finds nothing, and is lost.
        arguments = (execution_id, call, work)
        threading.Thread(target=self._work, args=arguments, name="fibonacci-emulator-handler", daemon=True).start()
        return call

    def _work(self, execution_id: str, call: str, work: Callable[[], Any]) -> None:
        outcome = call_handler(work)
        try:
            with self._store.transaction():
                self._report(execution_id, call, outcome)
        except Exception:  # the file is gone or full: whoever looks next finds the call ended without a report
            _log.exception("what a handler returned could not be kept")
        finally:
            handler_calls.finish(call)
        with self._lock:
            for news in self._waiters.get(execution_id, ()):
                news.set()

    def _report(self, execution_id: str, call: str, outcome: HandlerOutcome) -> None:
        execution = self._store.executions.get(execution_id)
        if execution is not None:  # nobody has forgotten it in the meantime
            now = self._clock.now()
            self._resume(execution, lambda running: running.report(call, outcome, now))
