"""The branches of a conditional as `with` blocks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Literal, Self

from fibonacci.definitions.authoring.handles import NodeHandle
from fibonacci.definitions.model.nodes import ConditionalOutput

_WRITTEN: Final = {
    "true_branch": "with flow.when(...) as {gate}:",
    "false_branch": "with {gate}.otherwise():",
}


class BranchBlock:
    """One branch of a conditional: the nodes that are added while the block is open belong to it.

    Args:
        gate: The id of the conditional.
        branch: The key of the branch in the definition.
        open_blocks: All open blocks of the builder, the innermost last.
    """

    def __init__(
        self, gate: str, branch: Literal["true_branch", "false_branch"], open_blocks: list[BranchBlock]
    ) -> None:
        self.gate = gate
        self.branch = branch
        self._open_blocks = open_blocks
        self._around = list(open_blocks)
        self._was_opened = False

    def __enter__(self) -> Self:
        written = _WRITTEN[self.branch].format(gate=self.gate)
        if self._was_opened:
            raise ValueError(f"`{written}` is there already, and is written once: add the nodes in that block")
        if self._open_blocks != self._around:
            where = f"inside the block of {self._open_blocks[-1].gate!r}" if self._open_blocks else "after that block"
            raise ValueError(
                f"`{written}` is {where}, and {self.gate!r} was added elsewhere: write its blocks where it is added"
            )
        self._was_opened = True
        self._open_blocks.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open_blocks.remove(self)
        if error is not None:
            error.add_note(f"The branch of {self.gate!r} is incomplete: build the workflow with a new WorkflowBuilder.")


class ConditionalHandle(NodeHandle[ConditionalOutput]):
    """A conditional of a `WorkflowBuilder`: the nodes that are added in its `with` block run only if it holds.

    The method `when` of the builder returns one.

    Example:
        >>> from fibonacci import WorkflowBuilder
        >>> flow = WorkflowBuilder("triage")
        >>> given = flow.inputs()
        >>> with flow.when("urgent", given.priority, "greater_than", 7) as urgent:
        ...     page = flow.tool("page", "slack_send_message", {"channel": "#help", "message": given.mail})
        >>> with urgent.otherwise():
        ...     reply = flow.llm("reply", f"Answer {given.mail}")
        >>> flow.definition.nodes[0].true_branch, flow.definition.nodes[0].false_branch
        (['page'], ['reply'])
    """

    __slots__ = ("_otherwise", "_then")

    _then: BranchBlock
    _otherwise: BranchBlock

    def __new__(cls, path: str, owner: object, open_blocks: list[BranchBlock]) -> Self:
        """Make the handle of a conditional that was just added to a builder with these open blocks."""
        handle = super().__new__(cls, path, owner, ConditionalOutput)
        handle._then = BranchBlock(path, "true_branch", open_blocks)
        handle._otherwise = BranchBlock(path, "false_branch", open_blocks)
        return handle

    def otherwise(self) -> AbstractContextManager[object, None]:
        """Return the block of the nodes that run only when the comparison doesn't hold.

        Returns:
            The context manager of a block that is written once, after the block of the conditional.

        Raises:
            ValueError: When it is entered, if it has been entered before, or inside another block than the conditional.

        Example:
            >>> from fibonacci import WorkflowBuilder
            >>> flow = WorkflowBuilder("triage")
            >>> given = flow.inputs()
            >>> with flow.when("known", given.answer, "is_not_empty") as known:
            ...     page = flow.tool("page", "slack_send_message", {"channel": "#help", "message": given.answer})
            >>> with known.otherwise():
            ...     reply = flow.llm("reply", f"Answer {given.mail}")
            >>> flow.definition.nodes[2].dependencies
            ['known']
        """
        return self._otherwise

    def __enter__(self) -> Self:
        self._then.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._then.__exit__(kind, error, trace)
