"""Signals that end the command."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupting_sigterm() -> Generator[None]:
    """Let SIGTERM end the block as Ctrl-C does, unless it is ignored or handled."""
    is_main = threading.current_thread() is threading.main_thread()  # no other thread can set a handler
    if not is_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def signal_of(interrupt: KeyboardInterrupt) -> int:
    """Return the number of the signal that has caused an interrupt: that of Ctrl-C where it has none."""
    number: int = next(iter(interrupt.args), signal.SIGINT)
    return int(number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)
