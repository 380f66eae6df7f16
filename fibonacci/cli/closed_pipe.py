"""A stdout whose reader has closed it."""

from __future__ import annotations

import os
import sys


def has_stdout() -> bool:
    """Whether there is a stdout; a process that was started without one has none."""
    return sys.stdout is not None  # pyright: ignore[reportUnnecessaryComparison]


def discard_stdout() -> None:
    """Send what is still to be written to stdout, which is closed, nowhere, so that the exit does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
