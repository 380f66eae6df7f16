"""Durations, whole numbers and lists of names as people type them."""

from __future__ import annotations

import argparse
import math
import re
from functools import partial
from typing import Final

FORMS: Final = "90 (seconds), 90s, 1h30m or 2d"
"""The forms of a duration, as messages show them."""

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PERIOD: Final = re.compile(r"(?:\d{1,9}[dhms])+", re.ASCII)
_PERIOD_PART: Final = re.compile(r"(\d{1,9})([dhms])", re.ASCII)


def period(text: str) -> int | None:
    """Return the seconds of numbers with units, such as `1h30m`, or None for another text."""
    if _PERIOD.fullmatch(text) is None:
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in _PERIOD_PART.findall(text))


def seconds_or_none(text: str) -> float | None:
    """Read a duration in seconds, or `none` for no limit.

    Raises:
        argparse.ArgumentTypeError: If it is neither, or not greater than 0.
    """
    if text == "none":
        return None
    seconds = _seconds(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a time above 0, such as {FORMS}, nor none")
    return seconds


def seconds_up_to(text: str, longest: float) -> float:
    """Read a duration in seconds, from 0 to the longest.

    Raises:
        argparse.ArgumentTypeError: If it isn't a duration, or is longer.
    """
    seconds = _seconds(text)
    if not 0 <= seconds <= longest:  # NaN isn't either
        raise argparse.ArgumentTypeError(f"{text!r} is not a time from 0 to {longest:.0f} s, such as {FORMS}")
    return seconds


def _seconds(text: str) -> float:
    number = period(text)
    try:
        return float(text) if number is None else float(number)
    except ValueError:
        return math.nan


def list_of_names(text: str) -> list[str]:
    """Read names separated by commas. An empty text is an empty list."""
    words = [name.strip() for name in text.split(",")] if text.strip() else []
    if not all(words):
        raise argparse.ArgumentTypeError(f"{text!r} has an empty name. Separate names with one comma")
    return words


def _from(text: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
    return int(text)


positive: Final = partial(_from, least=1)
"""Reads a whole number, at least 1."""
count: Final = partial(_from, least=0)
"""Reads a whole number, at least 0."""
