"""Counting what code does, where a clock would say more of the machine than of the code."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from _typeshed import TraceFunction


def lines_run(action: Callable[[], object]) -> int:
    """How many lines of Python an action runs, in this thread, wherever they stand."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> TraceFunction:
        nonlocal lines
        if event == "line":
            lines += 1
        return trace

    before = sys.gettrace()
    gc.disable()  # what it would call is not the action's
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
        gc.enable()
    return lines


def peak_of(action: Callable[[], object]) -> int:
    """Return the peak of the bytes that an action allocates."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        action()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before
