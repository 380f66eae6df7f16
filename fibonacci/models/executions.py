"""Executions: the runs of a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, get_args

from pydantic import Field, model_validator

from fibonacci.models._base import Timestamped

if TYPE_CHECKING:
    from fibonacci.models.node_trace import NodeTrace

T = TypeVar("T")

ExecutionStatus = Literal["pending", "running", "completed", "failed", "cancelled", "pending_approval"] | str
"""The states that the SDK knows; the platform may have others, which are kept as strings."""

KNOWN_STATUSES: tuple[str, ...] = get_args(get_args(ExecutionStatus)[0])

TERMINAL_STATUSES = frozenset({"completed", "failed", "cancelled"})


class Execution(Timestamped):
    """One run of a workflow.

    The platform documents `execution_id`, `status`, `outputs`, `duration_ms`, `nodes_executed` and `nodes_failed`. The
    other fields are choices of the SDK: https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        print(execution.id, execution.status, execution.outputs)
        for node in client.executions.get(execution.id).trace or []:
            print(node.id, node.status, node.attempts)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("id", "status", "outputs")

    raw_execution_id: str | None = Field(default=None, alias="execution_id")
    """The field `execution_id` as the platform sent it; None when it sent none. `id` is the field to read."""

    raw_id: str | None = Field(default=None, alias="id")
    """The field `id` as the platform sent it; None when it sent none. `id` is the field to read."""

    status: ExecutionStatus | None = None
    """The state, such as `"completed"`. One that this version of the SDK does not know is not terminal."""

    workflow_id: str | None = None
    """The id of the workflow that was run, such as `"wf-abc123"`."""

    raw_outputs: dict[str, Any] | None = Field(default=None, alias="outputs")
    """The outputs by name as the platform sent them; None when it sent none. `outputs` is the field to read."""

    duration_ms: int | float | None = None
    """The duration of the run in milliseconds; None while the platform reports none."""

    nodes_executed: int | None = None
    """The number of nodes that were executed; None while the platform reports none."""

    nodes_failed: int | None = None
    """The number of nodes that failed; None while the platform reports none."""

    raw_trace: Any = Field(default=None, alias="trace")
    """The trace as the platform sent it; None when it sent none. `trace` is the field to read."""

    @property
    def id(self) -> str:
        """The id, such as `"exec_abc123"`, whether the platform sends it as `execution_id` or as `id`."""
        return self.raw_execution_id or self.raw_id or ""

    @property
    def execution_id(self) -> str:
        """The same as `id`."""
        return self.id

    @property
    def outputs(self) -> dict[str, Any]:
        """The value of each node or named output, by name; empty while there are none."""
        return self.raw_outputs or {}

    @property
    def trace(self) -> list[NodeTrace] | None:
        """What happened to each node, in the order of their execution; None when the platform did not send it.

        It is part of reading one execution (`executions.get`, and what `wait` and `run` poll), not of lists and of what
        `execute` returns.
        """
        if self.raw_trace is None:
            return None
        from fibonacci.models.node_trace import read_trace  # most executions are read without it

        return read_trace(self.raw_trace)

    @property
    def is_terminal(self) -> bool:
        """Whether the execution has ended: `completed`, `failed` or `cancelled`."""
        return self.status in TERMINAL_STATUSES

    @property
    def succeeded(self) -> bool:
        """Whether the execution has completed."""
        return self.status == "completed"

    def outputs_as(self, model: type[T]) -> T:
        """Return the outputs as an object of your own type, validated by Pydantic.

        Args:
            model: A Pydantic model, or another type that Pydantic validates, such as a dataclass or a `TypedDict`.

        Returns:
            The object.

        Raises:
            OutputError: If the outputs do not fit. Its message names each field, and no value.
            TypeError: If Pydantic cannot validate the type.

        Example:
            ```python
            from pydantic import BaseModel

            class Greeting(BaseModel):
                greet: str

            print(execution.outputs_as(Greeting).greet)
            ```
        """
        from fibonacci.models._outputs import outputs_as  # most programs read `outputs`

        status = "" if self.succeeded else f" ({self.status})"
        return outputs_as(self.outputs, model, f"execution {self.id}{status}")

    def _repr_html_(self) -> str:
        from fibonacci._display.objects import execution_html

        return execution_html(self, self.to_dict(), *self._diagram(self))

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if not self.id:
            raise ValueError("an execution has an execution_id or an id")
        return self
