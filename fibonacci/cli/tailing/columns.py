"""An execution as a line for people."""

from __future__ import annotations

from fibonacci.cli.following.node_texts import one_line
from fibonacci.models import Execution

_STATUS_WIDTH = 16
_ID_WIDTH = 26


def columns_of(execution: Execution) -> str:
    """Return time, id, status, workflow and duration, in columns; times are of this machine's time zone."""
    changed = execution.updated_at or execution.created_at
    time = "" if changed is None else changed.astimezone().strftime("%H:%M:%S")
    duration = "" if execution.duration_ms is None else f"{execution.duration_ms / 1000:.1f} s"
    cells = (
        time.ljust(8),
        one_line(execution.id).ljust(_ID_WIDTH),
        one_line(execution.status or "").ljust(_STATUS_WIDTH),
        one_line(execution.workflow_id or ""),
        duration,
    )
    return "  ".join(cells).rstrip()
