"""Executions in the store: one that runs is read, acted on, and stored with what belongs to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from fibonacci._log_records import log
from fibonacci.emulator.engine.compiled import CompiledWorkflow, compiled
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.execution import RunningExecution
from fibonacci.emulator.state.errors import UnreadableRecordError
from fibonacci.emulator.state.tables import Record

DAMAGE: Final = (UnreadableRecordError, LookupError, TypeError, ValidationError)
"""What a damaged record of one execution raises; it must not stop the others."""

Act = Callable[[RunningExecution], None]
"""Does something to an execution that has not ended."""

_log: Final = logging.getLogger("fibonacci.emulator")


class StoredExecutions:
    """The executions of one store; everything is done inside a transaction.

    Args:
        environment: What workflows can reach, the store among it.
        launch: Starts the call of a handler of an execution; returns the id of the call.
    """

    def __init__(self, environment: Environment, launch: Callable[[str, Callable[[], Any]], str]) -> None:
        self._environment = environment
        self._store = environment.store
        self._launch = launch

    def start(
        self, execution: Record, workflow: CompiledWorkflow, warnings: Mapping[str, Sequence[str]], now: float
    ) -> Record:
        """Start a new execution and store it; return its new record.

        Args:
            execution: Its record, not stored yet.
            workflow: Its workflow.
            warnings: What its trace warns about, by node.
            now: The time in Unix seconds.
        """
        running = self._running(execution, workflow)
        for node_id, messages in warnings.items():
            running.note(node_id, warnings=messages)
        running.start_ready_nodes(now)
        return self._save(running, is_new=True)

    def act(self, execution: Record, act: Act) -> Record:
        """Act on a stored execution, unless it has ended or waits for approval; return its new record."""
        run = self._store.runs.get(execution["id"])
        if run is None:
            return execution
        running = self._running(execution, compiled(run["definition"]))
        act(running)
        if running.execution == execution:
            return execution  # reading an execution that waits writes nothing
        return self._save(running)

    def process_due(self, execution_id: str, act: Act) -> None:
        """Act on an execution with events that are due; one that is damaged is logged and not processed again."""
        try:
            execution = self._store.executions.get(execution_id)
            if execution is None:
                self._store.timers.delete(execution_id)
            else:
                self.act(execution, act)
        except DAMAGE:
            report_damage(execution_id)
            self._store.timers.delete(execution_id)

    def _running(self, execution: Record, workflow: CompiledWorkflow) -> RunningExecution:
        launch = partial(self._launch, execution["id"])
        return RunningExecution(self._environment, workflow, execution, launch)

    def _save(self, running: RunningExecution, *, is_new: bool = False) -> Record:
        """Store an execution, its trace, and what is kept only while it runs; return its record."""
        store, execution, due, calls = self._store, running.execution, running.due, running.calls
        name = execution["id"]
        store.executions.put(name, record=execution)
        for node_id, note in running.notes.items():
            earlier = None if is_new else store.traces.get(name, node_id)
            store.traces.put(name, node_id, record=(earlier or {}) | note)
        run = {"definition": running.workflow.definition}
        for table, record in (
            (store.calls, {"calls": calls} if calls else None),
            (store.timers, None if due is None else {"due": due}),
            (store.runs, None if running.has_ended else run),
        ):
            if record is not None:
                table.put(name, record=record)
            elif not is_new:
                table.delete(name)
        return execution


def report_damage(execution_id: str) -> None:
    """Log the exception that a damaged record of an execution has raised."""
    log(_log, logging.ERROR, "execution %s is damaged", execution_id, with_exception=True)
