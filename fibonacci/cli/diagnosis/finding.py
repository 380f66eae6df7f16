"""One line of the doctor."""

from __future__ import annotations

from typing import Literal, NamedTuple

from fibonacci.cli.remedies import for_command_line


class Finding(NamedTuple):
    """What one check has found.

    Attributes:
        name: What was checked.
        status: Whether it is as it should be.
        detail: What was found.
        remedy: What to do about a problem; empty when there is none.
        is_about_key: Whether the problem is the API key.
    """

    name: str
    status: Literal["ok", "problem"]
    detail: str
    remedy: str = ""
    is_about_key: bool = False


def ok(name: str, detail: str) -> Finding:
    """Return a finding that needs nothing to be done."""
    return Finding(name, "ok", detail)


def problem(name: str, detail: str, remedy: str, *, is_about_key: bool = False) -> Finding:
    """Return a finding that needs something to be done."""
    return Finding(name, "problem", for_command_line(detail), remedy, is_about_key)
