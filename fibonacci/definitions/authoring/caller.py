"""The author's program that calls the builder: its lines, and what its names mean there."""

from __future__ import annotations

import inspect
import linecache
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from fibonacci.definitions.problems import snippet

# This is `fibonacci/definitions/authoring/`. The frames of the whole package are not the author's.
_PACKAGE = str(Path(__file__).parents[2]) + os.sep
# What an f-string replaces.
_REPLACED: Final = re.compile(
    r"""
    (?<!\{) (?<![\w\\^)\]}](?=\{[^\W\d]\w*\}))  # not the argument of a command in LaTeX, such as in \frac{a}{b}
    \{
    (
        ([^\W\d]\w* (?:\.[^\W\d]\w*)*)           # a name, with attributes
        (?:\[[^\[\]{}]*\] (?:\.[^\W\d]\w*)*)*     # items, and their attributes
    )
    (?:![rsa])? (?::[^\s{}]*)?                   # a conversion, a format
    \} (?!\})
    """,
    re.VERBOSE,
)


class SourceLine(NamedTuple):
    """One line of the author's program."""

    file: str
    """The name of the file as Python has it: a path, or a placeholder such as `<stdin>`."""

    line: int
    """The line, counted from 1."""

    def __str__(self) -> str:
        return f"{_file_name(self.file)}:{self.line}"

    @property
    def snippet(self) -> str | None:
        """The line as its author wrote it, or None where Python does not have the text of the program."""
        text = linecache.getline(self.file, self.line).rstrip()
        return snippet(self.line, text) if text else None


def caller_line() -> SourceLine:
    """Return the line that called into the package: that of the nearest frame outside of it."""
    frame = _caller()
    return SourceLine("<unknown>", 0) if frame is None else SourceLine(frame.f_code.co_filename, frame.f_lineno)


def forgotten_f_strings(text: str, kind: type) -> Iterator[tuple[str, object]]:
    """Yield the names in single braces in a text that mean a value of a kind in the line that called the package.

    With an `f` before the text, Python would have inserted it.

    Args:
        text: The text.
        kind: The class of the values that are looked for.

    Yields:
        The expression in the braces, and the value that its name has.
    """
    for expression, name in _REPLACED.findall(text):
        value = _meaning(name, kind)
        if isinstance(value, kind):
            yield expression, value


def _caller() -> FrameType | None:
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def _meaning(name: str, kind: type) -> object:
    """Return the value of a dotted name in the line that called the package, or the first part of it of the kind."""
    first, *attributes = name.split(".")
    value = next((scope[first] for scope in _scopes() if first in scope), None)
    for attribute in attributes:
        if isinstance(value, kind):
            break
        value = getattr(value, "__dict__", {}).get(attribute)  # `getattr` itself may run the author's code
    return value


def _scopes() -> Iterator[dict[str, Any]]:
    """Yield the names of the caller by scope: the innermost function, those around it, the module."""
    frame = _caller()
    if frame is None:
        return
    yield frame.f_locals
    # A name in a text is in no closure. What is around a function is still running as a rule: a function inside a
    # function, a comprehension, and a class body are called from there.
    code, outer = frame.f_code, frame.f_back
    while outer is not None:
        if any(constant is code for constant in outer.f_code.co_consts):
            yield outer.f_locals
            code = outer.f_code
        outer = outer.f_back
    yield frame.f_globals


def _file_name(file: str) -> str:
    """Return the name of a file without its folders, and that of a notebook's cell as the notebook shows it."""
    if file.startswith("<ipython-input-") or "ipykernel_" in file:
        return _cell(file)
    return file if file.startswith("<") else re.split(r"[/\\]", file)[-1]


def _cell(file: str) -> str:
    numbered = re.match(r"<ipython-input-(\d+)-", file)
    number = numbered[1] if numbered else _cell_number(file)
    return f"In [{number}]" if number else "cell"


def _cell_number(file: str) -> str | None:
    """Ask IPython, which numbers the cells, for the number of the cell that it compiled under this name."""
    ipython: Any = sys.modules.get("IPython")
    try:
        _, name = ipython.get_ipython().compile.format_code_name(file)
    except (AttributeError, TypeError):  # no IPython, an older one, or a name that it does not know
        return None
    digits = re.search(r"\d+", name)
    return digits[0] if digits else None
