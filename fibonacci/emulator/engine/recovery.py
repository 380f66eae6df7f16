"""Recovery: what a process that takes a state over does about runs that another one left behind."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from fibonacci._log_records import log
from fibonacci.emulator.engine import handler_calls
from fibonacci.emulator.engine.execution import RunningExecution
from fibonacci.emulator.engine.stored_executions import DAMAGE, StoredExecutions, report_damage
from fibonacci.emulator.engine.user_handlers import HandlerOutcome
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.errors import StateFullError, StateReadOnlyError
from fibonacci.emulator.state.store import Store

_INTERRUPTED: Final = HandlerOutcome(error="the emulator was stopped while the handler worked")

_log: Final = logging.getLogger("fibonacci.emulator")


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

    def take_over(self) -> None:
        """Advance the clock to where its last user left it, and fail what no process works on.

        If the state cannot be written, only the clock is advanced.
        """
        try:
            with self._store.transaction():
                self._resume_clock()
                self.fail_orphaned_calls(self._clock.now())
        except (StateFullError, StateReadOnlyError) as error:
            log(_log, logging.WARNING, "runs are as they were left: %s", error)
            with self._store.reading():
                self._resume_clock()

    def fail_orphaned_calls(self, now: float) -> None:
        """Fail the nodes whose handlers worked in a process that has ended; inside a transaction."""
        for (execution_id,) in list(self._store.calls.keys()):
            try:
                record = self._store.calls.get(execution_id) or {"calls": []}
                orphaned = [call for call in record["calls"] if not handler_calls.is_running(call, self._store.owners)]
                execution = self._store.executions.get(execution_id)
                if execution is None:
                    self._store.calls.delete(execution_id)
                elif orphaned:
                    self._executions.act(execution, partial(_interrupt, calls=orphaned, now=now))
            except DAMAGE:
                report_damage(execution_id)
                self._store.calls.delete(execution_id)

    def _resume_clock(self) -> None:
        last = self._store.clock_state.get("now")
        if last is not None:  # time does not go back
            self._clock.advance_to(last["now"])


def _interrupt(running: RunningExecution, calls: Sequence[str], now: float) -> None:
    for call in calls:
        running.complete_call(call, _INTERRUPTED, now)
