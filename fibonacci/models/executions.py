"""Executions: the runs of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, get_args

from pydantic import model_validator

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
    _id_fields: ClassVar[tuple[str, ...]] = ("id",)
    _converted: ClassVar[tuple[str, ...]] = (
        *("outputs", "inputs", "error", "failure_reason", "trace", "completed_at"),
        *Timestamped._converted,
    )
    _other_names: ClassVar[Mapping[str, str]] = {"execution_id": "id"}

    id: str = ""
    """The id, such as `"exec_abc123"`, whether the platform sends it as `execution_id` or as `id`."""

    status: ExecutionStatus | None = None
    """The state, such as `"completed"`. One that this version of the SDK does not know is not terminal."""

    workflow_id: str | None = None
    """The id of the workflow that was run, such as `"wf-abc123"`."""

    duration_ms: int | float | None = None
    """The duration of the run in milliseconds; None while the platform reports none."""

    nodes_executed: int | None = None
    """The number of nodes that were executed; None while the platform reports none."""

    nodes_failed: int | None = None
    """The number of nodes that failed; None while the platform reports none."""

    @property
    def outputs(self) -> dict[str, Any]:
        """The value of each node or named output, by name; empty while there are none."""
        return self._read_object("outputs") or {}

    @property
    def inputs(self) -> dict[str, Any] | None:
        """The inputs of the run, by name; None where the platform does not send them.

        They are part of reading one execution, not of what `execute` returns; lists may leave out large ones.
        """
        return self._read_object("inputs")

    @property
    def error(self) -> str | None:
        """What the platform says of the run as a whole when it failed; None where it says nothing.

        Of an error that is an object it is the message. `failure_reason` looks at the nodes as well.
        """
        from fibonacci.models.execution_failure import error_text  # most executions are read without it

        return error_text(self._received("error"))

    @property
    def failure_reason(self) -> str | None:
        """Why the run failed or was canceled, in the platform's words; None when it did not, or when none is stated.

        It is the error of the node that failed where the platform sends one, else that of the run.
        """
        if self.status not in _WITHOUT_SUCCESS:
            return None
        from fibonacci.models.execution_failure import failure_of

        return failure_of(self).reason

    @property
    def trace(self) -> list[NodeTrace] | None:
        """What happened to each node, in the order of their execution; None when the platform did not send it.

        It is part of reading one execution (`executions.get`, and what `wait` and `run` poll), not of lists and of what
        `execute` returns.
        """
        received = self._read("trace", list[Any])
        if received is None:
            return None
        from fibonacci.models.node_trace import read_trace  # most executions are read without it

        return read_trace(received)

    @property
    def completed_at(self) -> datetime | None:
        """The time at which the run ended, in the time zone that the platform sends (UTC); None without one."""
        return self._read("completed_at", datetime)

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
            What Pydantic makes of the outputs.

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

    def raise_for_status(self) -> Self:
        """Raise an error if the execution failed or was canceled, as `workflows.run` does.

        One that has not ended raises nothing: `is_terminal` tells, and `executions.wait` waits for the end.

        Returns:
            The execution itself.

        Raises:
            ExecutionFailedError: If it failed or was canceled; the message names the node and the reason, as far as the
                platform states them.

        Example:
            ```python
            print(client.executions.wait(execution.id).raise_for_status().outputs)
            ```
        """
        if self.status in _WITHOUT_SUCCESS:
            from fibonacci.models.execution_failure import execution_error

            raise execution_error(self)
        return self

    def _repr_html_(self) -> str:
        from fibonacci._display.html import execution_html

        return execution_html(self, self.to_dict(), *self._diagram(self))

    @model_validator(mode="after")
    def _checked(self) -> Self:
        fields, more = vars(self), self.__pydantic_extra__ or {}  # the model is frozen for others
        sent = more.get("execution_id")
        if sent:
            if type(sent) is not str:
                raise ValueError("execution_id should be a string")
            if "id" in self.__pydantic_fields_set__:  # the platform sent both
                more["id"] = fields["id"]
            fields["id"] = sent
        elif not fields["id"]:
            raise ValueError("an execution has an execution_id or an id")
        return self


_WITHOUT_SUCCESS = TERMINAL_STATUSES - {"completed"}
