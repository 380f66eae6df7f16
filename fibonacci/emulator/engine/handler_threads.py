"""Threads of user handlers: each call runs in one of its own, so that a slow handler blocks no request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from fibonacci._log_records import log
from fibonacci.emulator.engine import handler_calls
from fibonacci.emulator.engine.user_handlers import HandlerOutcome
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.store import Store

Report = Callable[[str, str, HandlerOutcome], None]
"""Stores the outcome of a call: given the id of its execution, the id of the call and the outcome; in a transaction."""

_log: Final = logging.getLogger("fibonacci.emulator")


class HandlerThreads:
    """Calls handlers, and wakes those that wait for their end.

    Args:
        store: Where the outcomes are stored.
        clock: The emulator's clock.
        report: Stores the outcome of a call.
    """

    def __init__(self, store: Store, clock: VirtualClock, report: Report) -> None:
        self._store = store
        self._clock = clock
        self._report = report
        self._waiters: dict[str, list[threading.Event]] = {}  # by execution: a report wakes only those it concerns
        self._lock = threading.Lock()

    def launch(self, execution_id: str, work: Callable[[], HandlerOutcome]) -> str:
        """Start the call of a handler; return the id of the call."""
        call = handler_calls.register(self._store.owners)
        # It cannot report before this transaction ends; if that fails, the report finds no execution and is dropped.
        arguments = (execution_id, call, work)
        threading.Thread(target=self._work, args=arguments, name="fibonacci-emulator-handler", daemon=True).start()
        return call

    @contextmanager
    def reports_of(self, execution_id: str) -> Generator[threading.Event]:
        """Yield an event that is set whenever a handler of the execution has ended.

        With a clock that skips waits, it is set whenever any handler has ended: then a wait of the execution may end.
        """
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

    def _work(self, execution_id: str, call: str, work: Callable[[], HandlerOutcome]) -> None:
        outcome = work()
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
