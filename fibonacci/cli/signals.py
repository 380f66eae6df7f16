"""Signals that end the command, or stop it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

# The last is sent when the terminal is closed; Windows has none.
_ENDING: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def interrupted_by_signals() -> Generator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, unless they are ignored or handled."""
    handled = [number for number in _ENDING if signal.getsignal(number) == signal.SIG_DFL and _set(number, _interrupt)]
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


def signal_of(interrupt: KeyboardInterrupt) -> int:
    """Return the number of the signal that has caused an interrupt: that of Ctrl-C where it has none."""
    number: int = next(iter(interrupt.args), signal.SIGINT)
    return int(number)


def _set(number: int, handler: Callable[[int, FrameType | None], None]) -> bool:
    """Handle a signal, and return False in a thread other than the main one, which cannot."""
    try:
        signal.signal(number, handler)
    except ValueError:
        return False
    return True


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


@contextmanager
def stopped_by_terminal(leave: Callable[[], object], resume: Callable[[], object]) -> Generator[None]:
    """Let Ctrl-Z stop the block only when the terminal is as a shell needs it, unless it is ignored or handled.

    Args:
        leave: Called before the process stops.
        resume: Called when it goes on, as after `fg`.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # it returns when the process goes on
        signal.signal(number, stop)
        resume()

    number: int | None = getattr(signal, "SIGTSTP", None)  # Windows has none
    is_handled = number is not None and signal.getsignal(number) == signal.SIG_DFL and _set(number, stop)
    try:
        yield
    finally:
        if number is not None and is_handled:
            signal.signal(number, signal.SIG_DFL)
