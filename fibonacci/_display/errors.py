"""Errors in notebooks and IPython: what happened and what to do, in a few lines.

IPython asks an exception for the lines of its traceback by its method `_render_traceback_`, in a terminal and in the
kernel of a notebook. It does so for `%tb` too, hence any mode but the default one (`%tb Plain`, `%xmode Verbose`) is
answered with all frames.
"""

from __future__ import annotations

import linecache
import re
import sys
import traceback
from types import TracebackType
from typing import Any

from fibonacci._display.html import display, escaped, html_of, table, value
from fibonacci._display.text import cut
from fibonacci._text import printable

REMEDIES = {
    "AmbiguousNameError": "Use the id of the workflow that you mean, one of `workflow_ids`",
    "AuthenticationError": "Check the key: it is wrong or expired",
    "PermissionDeniedError": (
        "Use a key with the role that the call needs: owner for governance and quotas, admin or owner for versions"
    ),
    "NotFoundError": "Check the id. For memory: the scope, and whether the value has expired",
    "ConflictError": "Read the current state: the execution has ended, or the policy exists already",
    "BadRequestError": "Read `details`",
    "ValidationError": (
        "Read `details` and, for a definition, `problems`; `check_definition` finds most faults before sending"
    ),
    "QuotaExceededError": "Wait for the quota's period, or have it raised; it is never retried",
    "RateLimitError": "Wait `retry_after` seconds, or give the call a longer `timeout`, within which it waits",
    "ServerError": "Check `outcome_unknown` first. Try later; report the `request_id` if it persists",
    "APITimeoutError": "Check `outcome_unknown` first. Look at `phase` and `phases`, or give a longer `timeout`",
    "PaginationError": "Report it: the server's pages form a cycle",
    "APIResponseError": "Look at `body`: often a proxy or a login page responded in place of the platform",
    "StalePlanError": "Make the plan anew, read it, apply it",
    "ExecutionCancelledError": "A call or a person has canceled it. Run the workflow again if it is still needed",
    "ExecutionFailedError": (
        "The calls succeeded, the workflow did not. Its text names the node and the reason; `error.execution.trace` "
        "has more where the platform sends it"
    ),
    "OutputError": "Correct the type that was given to `outputs_as`, or the workflow: the text names the fields",
    "WaitTimeoutError": (
        "The execution continues. Wait again, or cancel it. Without an `execution`, look whether one was started"
    ),
}
"""By the name of the class. The messages of the other errors name the remedy."""


def remedy(error: BaseException) -> str | None:
    """Return the remedy for an error; None when its message has it."""
    names = (each.__name__ for each in type(error).__mro__)
    return next((REMEDIES[name] for name in names if name in REMEDIES), None)


def error_html(error: BaseException) -> str:
    """Return an error as a table, with the execution that it is about."""
    rows = [("What happened", escaped(str(error)))]
    rows += [("Note", escaped(str(note))) for note in getattr(error, "__notes__", ())]
    if error.__cause__ is not None:
        rows.append(("Cause", escaped(f"{type(error.__cause__).__name__}: {error.__cause__}")))
    body: object = getattr(error, "body", None)
    if body:
        rows.append(("Body", value(body)))
    advice = remedy(error)
    if advice is not None:
        rows.append(("What to do", re.sub("`([^`\n]+)`", r"<code>\1</code>", escaped(advice))))
    execution = html_of(getattr(error, "execution", None)) or ""
    return display(table(f"<strong>{escaped(type(error).__name__)}</strong>", (), rows), execution)


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
