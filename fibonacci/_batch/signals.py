"""Ctrl-C and SIGTERM while rows run: the first drains, the second does what it does without."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptHandler:
    """Handles the signals that end a program. It does nothing outside the main thread, where no handler can be set.

    Args:
        on_signal: Called with the number of the first signal, between any two steps of the main thread.
    """

    def __init__(self, on_signal: Callable[[int], None]) -> None:
        self._on_signal = on_signal
        self._previous: dict[int, Any] = {}
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
        for number, previous in self._previous.items():
            if signal.getsignal(number) == self._handle:
                with suppress(ValueError):  # not in the main thread
                    signal.signal(number, previous)
        self._previous = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_first:
            self._is_first = False
            self._on_signal(number)
        else:
            self.restore()
            signal.raise_signal(number)
