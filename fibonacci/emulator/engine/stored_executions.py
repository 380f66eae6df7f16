"""Executions in the store: one that runs is read, acted on, and stored with what belongs to it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from fibonacci._log_records import log
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

    def act(self, execution: Record, act: Act) -> Record:
        """Act on a stored execution, unless it has ended or waits for approval; return its new record."""
        run = self._store.runs.get(execution["id"])
        return execution if run is None else self.advance(execution, run, act)

    def advance(self, execution: Record, run: Record, act: Act) -> Record:
        """Act on an execution and store it if that changed it; return its new record.

        Args:
            execution: Its record.
            run: What is stored beside the record until the execution has ended.
            act: What to do.
        """
        running = RunningExecution(self._environment, execution, run, partial(self._launch, execution["id"]))
        act(running)
        if running.execution != execution or running.run != run:  # reading an execution that waits writes nothing
            self._save(running)
        return running.execution

    def process_due(self, execution_id: str, now: float) -> None:
        """Process the events of an execution that are due; one that is damaged is logged and not processed again."""
        try:
            execution = self._store.executions.get(execution_id)
            if execution is None:
                self._store.timers.delete(execution_id)
            else:
                self.act(execution, lambda running: running.advance(now))
        except DAMAGE:
            report_damage(execution_id)
            self._store.timers.delete(execution_id)

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


def report_damage(execution_id: str) -> None:
    """Log the exception that a damaged record of an execution has raised."""
    log(_log, logging.ERROR, "execution %s is damaged", execution_id, with_exception=True)
