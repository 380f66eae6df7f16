"""Ends runs whose iterator is gone, as after a `break`.

`__del__` may be called by the garbage collector: at any moment, in any thread, under any lock. What has to be written,
closed or waited for is therefore noted here, and a thread does it.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Protocol
from weakref import WeakSet

from fibonacci._forks import renew_in_children

_log = logging.getLogger("fibonacci")


class _Run(Protocol):
    def leave_at_exit(self) -> None: ...


class AbandonedRuns:
    """Runs that go on, and the ends of those that were abandoned."""

    def __init__(self) -> None:
        self._runs: WeakSet[_Run] = WeakSet()
        self._ends: deque[Callable[[], object]] = deque()
        self._wakes: SimpleQueue[None] = SimpleQueue()  # which `__del__` may put something into
        self._ending = threading.RLock()  # a signal handler may begin a run while its thread has it
        self._thread: threading.Thread | None = None
        self._is_exiting = False
        renew_in_children(self)
        atexit.register(self._end_all)

    def add_run(self, run: _Run) -> None:
        """Have a run ended at the end of the process, if it still goes on then; start the thread that ends others."""
        self._runs.add(run)
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._work, name="fibonacci-abandoned-runs", daemon=True)
            with suppress(RuntimeError):  # the system has no thread left: the next run ends those that were abandoned
                thread.start()
                self._thread = thread

    def end_soon(self, end: Callable[[], object]) -> None:
        """Have a function called that may wait. This takes no lock and does no I/O, so `__del__` may call it."""
        if self._is_exiting:
            end()
            return
        self._ends.append(end)
        self._wakes.put(None)

    @property
    def has_ends(self) -> bool:
        """Whether there is a function that was not called, or has not returned."""
        return bool(self._ends)

    def end(self) -> None:
        """Call the functions, and wait for one that another thread has called."""
        with self._ending:
            while self._ends:
                try:
                    self._ends[0]()
                except Exception:
                    _log.warning("a run that was left could not be ended", exc_info=True)
                finally:
                    self._ends.popleft()

    def renew_in_child(self) -> None:
        """Leave to the parent what is the parent's."""
        self._ending = threading.RLock()
        self._ends.clear()
        self._runs.clear()

    def _work(self) -> None:
        while True:
            self._wakes.get()
            self.end()

    def _end_all(self) -> None:
        self._is_exiting = True
        for run in list(self._runs):
            run.leave_at_exit()
        self.end()


abandoned_runs = AbandonedRuns()
"""Those of the process."""
