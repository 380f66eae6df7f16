"""How rows stop before their end: by signals, and where the iterator is gone.

The garbage collector may call `__del__` at any moment, in any thread, under any lock. So another thread writes, closes
and waits. It is started without `threading`, which would take a lock.
"""

from __future__ import annotations

import atexit
import logging
import signal
import threading
from _thread import start_new_thread
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

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


_ends: Final[list[Callable[[], object]]] = []
"""What ends the runs that were abandoned, until it has."""


def end_soon(end: Callable[[], object]) -> None:
    """Have another thread call a function that ends a run. This takes no lock and does no I/O: `__del__` may call it.

    Args:
        end: The function. A second call does nothing, or waits for the first.
    """
    _ends.append(end)
    with suppress(RuntimeError):  # the system has no thread left: the next run calls it, or the exit of the process
        start_new_thread(end_abandoned, ())


def end_abandoned() -> None:
    """End the runs that were abandoned, and wait for those that another thread is ending."""
    for end in _ends.copy():
        try:
            end()
        except Exception:
            log(_log, logging.WARNING, "an abandoned run could not be ended", with_exception=True)
        with suppress(ValueError):  # another thread was faster
            _ends.remove(end)


atexit.register(end_abandoned)
