"""Durations as people type them."""

from __future__ import annotations

import argparse
import math


def seconds_or_none(text: str) -> float | None:
    """Read a number of seconds, or `none` for no limit.

    Raises:
        argparse.ArgumentTypeError: If it is neither.
    """
    if text == "none":
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0, and not none")
    return seconds
