"""Finds the lines of the author's program that call the builder."""

from __future__ import annotations

import inspect
import linecache
import os
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from fibonacci.definitions.problems import snippet

# This file is in `fibonacci/definitions/authoring/`. No frame of the whole package is the author's.
_PACKAGE = str(Path(__file__).parents[2]) + os.sep


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
        """The line as its author wrote it, or None if Python doesn't have the program's source."""
        text = linecache.getline(self.file, self.line).rstrip()
        return snippet(self.line, text) if text else None


def caller_line() -> SourceLine:
    """Return the line that called into the package, from the nearest frame outside of it."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return SourceLine("<unknown>", 0) if frame is None else SourceLine(frame.f_code.co_filename, frame.f_lineno)


def _file_name(file: str) -> str:
    """Return the name of a file without its folders, or of a notebook cell as the notebook shows it."""
    if file.startswith("<ipython-input-") or "ipykernel_" in file:
        return _cell(file)
    return file if file.startswith("<") else re.split(r"[/\\]", file)[-1]


def _cell(file: str) -> str:
    numbered = re.match(r"<ipython-input-(\d+)-", file)
    number = numbered[1] if numbered else _cell_number(file)
    return f"In [{number}]" if number else "cell"


def _cell_number(file: str) -> str | None:
    """Return the number of the cell that IPython compiled under this name."""
    ipython: Any = sys.modules.get("IPython")
    try:
        _, name = ipython.get_ipython().compile.format_code_name(file)
    except (AttributeError, TypeError):  # no IPython, an older one, or a name unknown to it
        return None
    digits = re.search(r"\d+", name)
    return digits[0] if digits else None
