"""Signals that end the command."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import Final

# SIGHUP is sent when the terminal is closed. Windows doesn't have it.
_ENDING: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def interrupted_by_signals() -> Generator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, unless they are ignored or handled."""
    handled = [number for number in _ENDING if signal.getsignal(number) == signal.SIG_DFL]
    if current_thread() is not main_thread():  # other threads can't handle signals
        handled = []
    for number in handled:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


def signal_of(interrupt: KeyboardInterrupt) -> int:
    """Return the number of the signal that caused an interrupt, by default that of Ctrl-C."""
    number: int = next(iter(interrupt.args), signal.SIGINT)
    return int(number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)
