"""Short tracebacks in IPython: the user's own lines, what happened, and what to do.

IPython asks an exception for the lines of its traceback by its method `_render_traceback_`, in a terminal and in the
kernel of a notebook. It does so for `%tb` too, hence any mode but the default one (`%tb Plain`, `%xmode Verbose`) is
answered with all frames.
"""

from __future__ import annotations

import linecache
import sys
import traceback
from types import TracebackType
from typing import Any

from fibonacci._display.remedies import remedy
from fibonacci._display.text import cut
from fibonacci._text import printable

_FRAMES = 3


def traceback_lines(error: BaseException) -> list[str]:
    """Return the lines of the traceback that IPython displays."""
    shell = _shell()
    if shell is not None and shell.InteractiveTB.mode != "Context":
        return list(shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__))
    lines = _own_lines(error.__traceback__, shell)
    lines += [printable(f"{type(error).__name__}: {error}")]
    lines += [printable(str(note)) for note in getattr(error, "__notes__", ())]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines.append(printable(cut(f"Cause: {type(cause).__name__}: {cause}")))
    advice = remedy(error)
    if advice is not None:
        lines.append(f"What to do: {advice}.")
    return [*lines, "All frames: %tb Plain"]


def _shell() -> Any:
    """Return the running IPython; None elsewhere."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def _own_lines(frames: TracebackType | None, shell: Any) -> list[str]:
    """Return the last of the user's own frames: the place of each, and its line."""
    own: list[str] = []
    for frame, number in traceback.walk_tb(frames):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package == "fibonacci":
            break
        if package in ("IPython", "ipykernel"):
            continue
        file = frame.f_code.co_filename
        line = linecache.getline(file, number, frame.f_globals).strip()
        text = f"{_name(file, shell)}, line {number}" + (f"\n----> {number} {line}" if line else "")
        if text not in own[-1:]:  # a comprehension has a frame of its own
            own.append(text)
    return [f"{each}\n" for each in own[-_FRAMES:]]


def _name(file: str, shell: Any) -> str:
    """Return what IPython calls a cell, or the path of a file."""
    found = None if shell is None else shell.compile.format_code_name(file)
    return f"File {file}" if found is None else " ".join(found)
