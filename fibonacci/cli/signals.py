"""Signals that end the command."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupting_sigterm() -> Generator[None]:
    """Let SIGTERM end the block as Ctrl-C does, unless it is ignored or handled."""
    is_set = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL and _set(_interrupt)
    try:
        yield
    finally:
        if is_set:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def signal_of(interrupt: KeyboardInterrupt) -> int:
    """Return the number of the signal that has caused an interrupt: that of Ctrl-C where it has none."""
    number: int = next(iter(interrupt.args), signal.SIGINT)
    return int(number)


def _set(handler: Callable[[int, FrameType | None], None]) -> bool:
    """Handle SIGTERM; return False in a thread other than the main one, which cannot."""
    try:
        signal.signal(signal.SIGTERM, handler)
    except ValueError:
        return False
    return True


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)
