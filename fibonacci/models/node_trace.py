"""What happened to one node of an execution."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from fibonacci.models._base import Model

NodeStatus = Literal["pending", "running", "completed", "failed", "skipped", "cancelled"] | str
"""The states of a node that the SDK knows; the platform may have others, which are kept as strings."""


class NodeTrace(Model):
    """What happened to one node of an execution: an element of `Execution.trace`.

    The platform documents no trace. Its form is a choice of the SDK, and what the emulator sends:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        (node,) = client.executions.get(execution.id).trace
        print(node.id, node.status, node.output)  # prints: greet completed ...
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("id", "status", "attempts", "error", "reason")
    _id_fields: ClassVar[tuple[str, ...]] = ("id",)
    _converted: ClassVar[tuple[str, ...]] = ("usage", "warnings", "started_at", "ended_at")

    id: str
    """The id of the node, as the definition names it."""

    type: str | None = None
    """The type of the node, such as `"llm"`."""

    status: NodeStatus | None = None
    """The state, such as `"completed"`."""

    attempts: int | None = None
    """The number of times that the node was tried; 0 before the first."""

    input: Any = None
    """What the last attempt was given: the node's fields with templates, rendered. None when it never ran.

    The emulator leaves the templates of secrets and of the environment as they are written.
    """

    output: Any = None
    """What the node returned, any JSON; None unless it has completed."""

    error: Any = None
    """Why the node failed, usually a text; None unless it has."""

    reason: str | None = None
    """Why the node was skipped; None unless it was."""

    @property
    def usage(self) -> dict[str, int | float] | None:
        """What all attempts have used, by name, failed ones included; None when nothing was reported.

        `input_tokens` and `output_tokens`, each the number of tokens, and `cost`, in the currency of whoever reports
        it.
        """
        return self._read("usage", dict[str, int | float])

    @property
    def warnings(self) -> list[str] | None:
        """What in the node is unknown, not supported, or has no effect, in the order in which it was found.

        None when the platform does not say it.
        """
        return self._read("warnings", list[str])

    @property
    def started_at(self) -> datetime | None:
        """The time of the start, in the time zone that the platform sends (UTC); None before it, or when skipped."""
        return self._read("started_at", datetime)

    @property
    def ended_at(self) -> datetime | None:
        """The time of the end, in the time zone that the platform sends (UTC); None before it, or when skipped."""
        return self._read("ended_at", datetime)


def read_trace(received: list[Any]) -> list[NodeTrace] | None:
    """Return a trace as models, without what is no node; None when nothing in it is one."""
    from fibonacci.models._reading import read_models

    return read_models(NodeTrace, received) or (None if received else [])
