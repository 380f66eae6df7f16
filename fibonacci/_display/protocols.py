"""What is displayed of executions and their nodes: the models have these attributes, and aren't imported for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable


class NodeRecord(Protocol):
    """What happened to one node of an execution, such as a `NodeTrace`."""

    @property
    def id(self) -> str:
        """The ID of the node."""
        ...

    @property
    def status(self) -> str | None:
        """The state."""
        ...

    @property
    def attempts(self) -> int | None:
        """The number of times that the node was tried."""
        ...

    @property
    def started_at(self) -> datetime | None:
        """The time of the start."""
        ...

    @property
    def ended_at(self) -> datetime | None:
        """The time of the end."""
        ...

    @property
    def output(self) -> Any:
        """What the node returned."""
        ...

    @property
    def error(self) -> Any:
        """Why the node failed."""
        ...

    @property
    def reason(self) -> str | None:
        """Why the node was skipped."""
        ...


@runtime_checkable
class ExecutionRecord(Protocol):
    """An execution, such as an `Execution`."""

    @property
    def id(self) -> str:
        """The ID."""
        ...

    @property
    def status(self) -> str | None:
        """The state."""
        ...

    @property
    def duration_ms(self) -> int | float | None:
        """The duration in milliseconds."""
        ...

    @property
    def nodes_executed(self) -> int | None:
        """The number of nodes that were executed."""
        ...

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The value of each node or named output."""
        ...

    @property
    def trace(self) -> Sequence[NodeRecord] | None:
        """What happened to each node."""
        ...
