"""Executions: the runs of a workflow."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fibonacci.models._base import Timestamped

ExecutionStatus = Literal["pending", "running", "completed", "failed", "cancelled", "pending_approval"] | str
"""The states that the SDK knows; the platform may have others, which are kept as strings."""

TERMINAL_STATUSES = frozenset({"completed", "failed", "cancelled"})


class Execution(Timestamped):
    """One run of a workflow.

    Attributes:
        status: Its state; one that this version of the SDK does not know is kept as a string and is not terminal.
        workflow_id: The workflow that was run.
        duration_ms: How long it took, in milliseconds.
        nodes_executed: How many nodes were run.
        nodes_failed: How many nodes failed.
        raw_outputs: The outputs as the platform sent them; None when it sent none.
    """

    shown: ClassVar[tuple[str, ...]] = ("id", "status", "outputs")

    raw_execution_id: str | None = Field(default=None, alias="execution_id")
    raw_id: str | None = Field(default=None, alias="id")
    status: ExecutionStatus | None = None
    workflow_id: str | None = None
    raw_outputs: dict[str, Any] | None = Field(default=None, alias="outputs")
    duration_ms: int | float | None = None
    nodes_executed: int | None = None
    nodes_failed: int | None = None

    @property
    def id(self) -> str:
        """Its id, such as `"exec_abc123"`, whether the platform calls it `execution_id` or `id`."""
        return self.raw_execution_id or self.raw_id or ""

    @property
    def execution_id(self) -> str:
        """The same as `id`."""
        return self.id

    @property
    def outputs(self) -> dict[str, Any]:
        """The value of each node or named output; empty while there are none."""
        return self.raw_outputs or {}

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended: completed, failed or cancelled."""
        return self.status in TERMINAL_STATUSES

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well."""
        return self.status == "completed"

    @model_validator(mode="after")
    def _has_an_id(self) -> Self:
        if not self.id:
            raise ValueError("an execution has an execution_id or an id")
        return self
