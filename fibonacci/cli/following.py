"""Following an execution to its end: what is shown on the way, and which exit code it ends with."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fibonacci import ExecutionFailedError
from fibonacci.cli.exit_codes import DONE
from fibonacci.cli.node_texts import approval_text, duration_of, one_line, remark_on
from fibonacci.cli.rendering import select
from fibonacci.models import Execution
from fibonacci.models.executions import execution_error

if TYPE_CHECKING:
    from fibonacci.cli.context import Context


Say = Callable[[str], object]


class ProgressLines:
    """Prints which execution is being waited for, whether it needs approval, and the progress of its nodes.

    Args:
        say: Prints a line.
        has_nodes: Whether to print a line for each node whose status changes.
    """

    def __init__(self, say: Say, *, has_nodes: bool = False) -> None:
        self._say = say
        self._has_nodes = has_nodes
        self._status: str | None = None
        self._nodes: dict[str, str | None] = {}
        self._counted: int | None = None

    def update(self, execution: Execution) -> None:
        """Print what has changed."""
        before, self._status = self._status, execution.status
        if self._status != before and not execution.is_terminal:
            if execution.status == "pending_approval":
                self._say(approval_text(execution))
            elif before is None or before == "pending_approval":
                self._say(f"execution {execution.id} is {one_line(execution.status or 'started')}")
        if not self._has_nodes:
            return
        counted, self._counted = self._counted, execution.nodes_executed
        # For platforms that send no trace. The first state, the response to `execute`, never has one.
        if execution.trace is None and counted is not None and self._counted != counted:
            self._say(f"{self._counted} nodes done")
        for node in execution.trace or ():
            if node.status != self._nodes.get(node.id, "pending"):
                parts = (node.id, node.status or "", duration_of(node), remark_on(node))
                self._say("  ".join(one_line(part) for part in parts if part))
            self._nodes[node.id] = node.status


Show = Callable[[Execution], object]
"""Shows the current state of an execution."""

Wait = Callable[[Show], Execution]
"""Waits for an execution to end, and calls the function with each of its states."""


_SHOWN: Final = ("id", "status", "outputs")


def print_execution(context: Context, execution: Execution) -> None:
    """Print an execution that was started or has ended: all of it, or on a terminal what people look for."""
    output = context.output
    is_whole = output.is_json or context.options.fields or not output.is_terminal
    output.value(execution if is_whole else select(execution, _SHOWN))


def follow(context: Context, wait: Wait, *, is_watched: bool, find: str = "") -> int:
    """Wait for an execution to end, showing its progress, and print it.

    Args:
        context: The context of the command.
        wait: Waits for the end.
        is_watched: Whether to show the progress of its nodes.
        find: How to find out whether it was started, in case that isn't known.

    Returns:
        The exit code of success.

    Raises:
        ExecutionFailedError: If it failed or was canceled.
    """
    is_streamed = is_watched and not (context.output.is_terminal or context.output.is_json)
    ended: Execution | None = None
    failure: ExecutionFailedError | None = None
    lines = ProgressLines(context.say, has_nodes=is_watched)
    show: Show = context.output.line if is_streamed else lines.update
    with _with_next_steps(find) as seen:

        def update(execution: Execution) -> None:
            seen.append(execution)
            show(execution)

        try:
            ended = wait(update)
        except ExecutionFailedError as error:
            ended, failure = error.execution, error
        if is_watched and not is_streamed:
            show(ended)  # unlike the response to `execute`, a quick execution now has its trace
    if not is_streamed:
        print_execution(context, ended)
    if ended.succeeded:
        return DONE
    if failure is None:
        raise execution_error(ended)
    raise type(failure)(failure.message, execution=ended, reason=failure.reason) from None  # its text has the ID


@contextmanager
def _with_next_steps(find: str) -> Generator[list[Execution]]:
    """Yield the list of states that were seen. An error that ends the wait gets a note on how to continue."""
    seen: list[Execution] = []
    try:
        yield seen
    except BaseException as error:
        notes: list[str] = getattr(error, "__notes__", [])
        if seen and not seen[-1].is_terminal:
            notes[:] = [note for note in notes if not note.startswith("execution id: ")]
            still = "still waits for approval" if seen[-1].status == "pending_approval" else "keeps running"
            state = still if error.__cause__ is None else "may still be running"
            error.add_note(f"the execution {state}. To follow it: fibonacci executions watch {seen[-1].id}")
        elif find and notes and getattr(error, "outcome_unknown", True):  # the request may have been carried out
            error.add_note(find)
        raise
