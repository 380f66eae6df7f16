"""Ctrl-C, SIGTERM and SIGHUP while rows run: the first drains, the second does what it does without."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

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
        """Handle the signals that the program does not ignore."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            previous = signal.getsignal(number)
            if previous not in (None, signal.SIG_IGN):
                self._previous[number] = previous
                signal.signal(number, self._handle)

    def restore(self) -> None:
        """Set the handlers that there were before, where nobody has set another meanwhile. It may be called twice."""
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
        # Also after the end of the run, where its handler could not be removed or another one calls it.
        self.restore()
        previous = self._before(number)
        if callable(previous):
            previous(number, frame)
        else:
            signal.signal(number, previous)
            signal.raise_signal(number)


def _owner(handler: Any) -> InterruptHandler | None:
    """Return the object of which a handler is the method; None for handlers of the program's."""
    owner = getattr(handler, "__self__", None)
    return owner if isinstance(owner, InterruptHandler) else None
