"""Whole numbers as people type them."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """Read a whole number from 1.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    return _from(1, text)


def count(text: str) -> int:
    """Read a whole number from 0.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    return _from(0, text)


def _from(least: int, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least}")
    return int(text)
