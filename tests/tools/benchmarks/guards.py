"""Counting what code does, where a clock would say more of the machine than of the code."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING

from tests.tools.benchmarks.processes import clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
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


def instructions(script: str, directory: Path) -> int:
    """How many instructions a script takes, from the start of its interpreter to the end.

    Bytecode is kept under a directory, so that only the first of several runs counts the compiler.
    """
    environment = clean_environment() | {"PYTHONPYCACHEPREFIX": str(directory), "PYTHONHASHSEED": "0"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    environment["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # to find none, pydantic reads the metadata of every package
    command = [sys.executable, "-c", script]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    counter = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={os.devnull}"]
    done = subprocess.run([*counter, *command], check=True, env=environment, capture_output=True, text=True)
    found = re.search(r"I +refs: +([\d,]+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1].replace(",", ""))
