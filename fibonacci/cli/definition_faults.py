"""Faults of definitions in the forms that editors, GitHub and programs read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fibonacci._text import visible
from fibonacci.cli.key_redaction import without_keys
from fibonacci.cli.remedies import for_command_line

if TYPE_CHECKING:
    from fibonacci.definitions import Problem

_PLACE: Final = re.compile(r"(.*?)(?::(\d+):(\d+))?", re.DOTALL)


def fault_line(problem: Problem) -> str:
    """Return a fault as compilers print it: `FILE:LINE:COLUMN: SEVERITY: MESSAGE [CODE]`."""
    place = problem.source or problem.location
    line = f"{place}: " * bool(place) + f"{problem.severity}: {problem.message} [{problem.code}]"
    return for_command_line(visible(line))


def fault_lines(problem: Problem) -> list[str]:
    """Return a fault, and below it the line of the file with a caret under the place, where that is known."""
    return [fault_line(problem), *snippet_lines(problem)]


def snippet_lines(problem: Problem) -> list[str]:
    """Return the line of the file and the line with the caret, without a key in them; none where it is not known."""
    return without_keys(problem.snippet or "").splitlines()


def github_line(problem: Problem) -> str:
    """Return a fault as a command of GitHub Actions, which shows it at the line of a pull request."""
    fields = fault_object(problem)
    properties = {"file": fields["file"], "line": fields["line"], "col": fields["column"], "title": fields["code"]}
    given = ",".join(f"{name}={_escaped(str(v), ':,')}" for name, v in properties.items() if v is not None)
    return f"::{problem.severity} {given}::{_escaped(problem.message)}"


def fault_object(problem: Problem) -> dict[str, Any]:
    """Return a fault as JSON; a place that is not known is null."""
    found = _PLACE.fullmatch(problem.source or "")
    assert found is not None  # every text matches
    file, line, column = found.groups()
    return {
        "file": file or None,
        "line": int(line) if line else None,
        "column": int(column) if column else None,
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
        "location": problem.location,
    }


def _escaped(text: str, more: str = "") -> str:
    """Return a text with the characters escaped that would end it: percent first."""
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text
