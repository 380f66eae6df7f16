"""What is said about an execution on the way to its end, in lines on stderr."""

from __future__ import annotations

from collections.abc import Callable

from fibonacci.cli.following.node_texts import approval_text, duration_of, one_line, remark_on
from fibonacci.models import Execution

Say = Callable[[str], object]


class StatusLines:
    """Says which execution is waited for, and that it waits for approval.

    Args:
        say: Prints a line.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._status: str | None = None

    def update(self, execution: Execution) -> None:
        """Say what has changed."""
        before, self._status = self._status, execution.status
        if self._status == before or execution.is_terminal:
            return
        if execution.status == "pending_approval":
            self._say(approval_text(execution))
        elif before is None or before == "pending_approval":
            self._say(f"execution {execution.id} is {one_line(execution.status or 'started')}")


class NodeLines:
    """Says of each node when its status has changed.

    Args:
        say: Prints a line.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._status = StatusLines(say)
        self._nodes: dict[str, str | None] = {}
        self._counted: int | None = None

    def update(self, execution: Execution) -> None:
        """Say what has changed."""
        self._status.update(execution)
        trace = execution.trace
        if trace is None:
            self._count(execution)
            return
        for node in trace:
            before = self._nodes.get(node.id, "pending")
            self._nodes[node.id] = node.status
            if node.status != before:
                parts = (node.id, node.status or "", duration_of(node), remark_on(node))
                self._say("  ".join(one_line(part) for part in parts if part))

    def _count(self, execution: Execution) -> None:
        """Say how many nodes are done, where the platform says no more."""
        before, self._counted = self._counted, execution.nodes_executed
        # The first state is the response to `execute`, which has no trace; the next one may have it.
        if before is not None and self._counted != before:
            self._say(f"{self._counted} nodes done")
