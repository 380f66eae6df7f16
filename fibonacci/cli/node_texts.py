"""Texts about a node, and about an execution that waits, for lines and the table."""

from __future__ import annotations

from fibonacci._display.text import cut
from fibonacci._texts.text import printable
from fibonacci.models import Execution, NodeTrace

_LONG = 200


def duration_of(node: NodeTrace) -> str:
    """Return how long a node took, or an empty text until it has ended."""
    if node.started_at is None or node.ended_at is None:
        return ""
    return f"{(node.ended_at - node.started_at).total_seconds():.1f} s"


def remark_on(node: NodeTrace) -> str:
    """Return a remark on a node in one line: its error, why it was skipped, or its attempts."""
    text = str(node.error or node.reason or "")
    if node.attempts is not None and node.attempts > 1:
        text = f"attempt {node.attempts}{f': {text}' if text else ''}"
    return one_line(text)


def one_line(text: str) -> str:
    """Return a text from the platform in one line, safe to print to a terminal."""
    return cut(" ".join(printable(text).split()), _LONG)


def approval_text(execution: Execution) -> str:
    """Return what to do about an execution that waits for approval."""
    return (
        f"execution {execution.id} waits for approval: it runs once an admin or owner approves it on the platform,"
        " or on the emulator's page"
    )
