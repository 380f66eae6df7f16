"""Signals that end the command."""

from __future__ import annotations

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
    handled = [each for each in _ENDING if signal.getsignal(each) == signal.SIG_DFL and _set(each, _interrupt)]
    try:
        yield
    finally:
        for each in handled:
            signal.signal(each, signal.SIG_DFL)


def signal_of(interrupt: KeyboardInterrupt) -> int:
    """Return the number of the signal that has caused an interrupt: that of Ctrl-C where it has none."""
    number: int = next(iter(interrupt.args), signal.SIGINT)
    return int(number)


def _set(number: int, handler: Callable[[int, FrameType | None], None]) -> bool:
    """Handle a signal; return False in a thread other than the main one, which cannot."""
    try:
        signal.signal(number, handler)
    except ValueError:
        return False
    return True


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)
