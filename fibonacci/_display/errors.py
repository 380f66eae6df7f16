"""HTML of errors: what happened and what to do."""

from __future__ import annotations

import re

from fibonacci._display.html import display, escaped, html_of, table, value
from fibonacci._display.remedies import remedy


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
