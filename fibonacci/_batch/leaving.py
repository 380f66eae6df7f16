"""How rows stop before their end: by signals, and where the iterator is gone.

`__del__` may be called by the garbage collector: at any moment, in any thread, under any lock. What has to be written,
closed or waited for is therefore noted here, and a thread does it.
"""

from __future__ import annotations

import atexit
import logging
import signal
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from types import FrameType
from typing import Any, Final, Protocol
from weakref import WeakSet

from fibonacci._system.concurrency import renew_in_children
from fibonacci._texts.logging import log

# The last is sent when a terminal is closed, or a connection to it is lost.
_SIGNALS: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class InterruptHandler:
    """Handles the signals that end a program. It does nothing outside the main thread, where no handler can be set.

    Args:
        on_signal: Called with the number of the first signal, between any two steps of the main thread.
    """

    def __init__(self, on_signal: Callable[[int], None]) -> None:
        self._on_signal = on_signal
        self._previous: dict[int, Any] = {}
        self._is_over = False
        self._is_first = True

    def install(self) -> None:
        """Handle the signals that the program doesn't ignore."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            previous = signal.getsignal(number)
            if previous not in (None, signal.SIG_IGN):
                self._previous[number] = previous
                signal.signal(number, self._handle)

    def restore(self) -> None:
        """Set the earlier handlers again, unless somebody has set others since. It may be called twice."""
        self._is_over = True
        for number in self._previous:
            if signal.getsignal(number) == self._handle:
                with suppress(ValueError):  # not in the main thread
                    signal.signal(number, self._before(number))

    def _before(self, number: int) -> Any:
        """Return the handler before this one that is still of use: runs may end in another order than they began."""
        handler = self._previous[number]
        while (run := _owner(handler)) is not None and run._is_over:
            handler = run._previous[number]
        return handler

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_first and not self._is_over:
            self._is_first = False
            self._on_signal(number)
            return
        # This happens even after the run, if its handler couldn't be removed or another one calls it.
        self.restore()
        previous = self._before(number)
        if callable(previous):
            previous(number, frame)
        else:
            signal.signal(number, previous)
            signal.raise_signal(number)


def _owner(handler: Any) -> InterruptHandler | None:
    """Return the object of which a handler is the method, or None for handlers of the program's."""
    owner = getattr(handler, "__self__", None)
    return owner if isinstance(owner, InterruptHandler) else None


_log = logging.getLogger("fibonacci")


class _Run(Protocol):
    def close_at_exit(self) -> None: ...


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
        """End a run at the end of the process if it still goes on then, and start the thread that ends others."""
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
        """Whether there is a function that wasn't called, or hasn't returned."""
        return bool(self._ends)

    def end(self) -> None:
        """Call the functions, and wait for one that another thread has called."""
        with self._ending:
            while self._ends:
                try:
                    self._ends[0]()
                except Exception:
                    log(_log, logging.WARNING, "an abandoned run could not be ended", with_exception=True)
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
            run.close_at_exit()
        self.end()


abandoned_runs = AbandonedRuns()
"""Those of the process."""
