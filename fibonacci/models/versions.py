"""Versions: the history of a workflow."""

from __future__ import annotations

from typing import Any, ClassVar

from fibonacci.models._base import Timestamped


class WorkflowVersion(Timestamped):
    """A snapshot of a workflow: each deployment makes one, and so does a rollback."""

    _repr_fields: ClassVar[tuple[str, ...]] = ("version", "workflow_id", "name")

    version: int | str
    """The number or name of the version, as `versions.get` and `versions.rollback` take it."""

    workflow_id: str | None = None
    """The id of the workflow, such as `"wf-abc123"`."""

    name: str | None = None
    """The name of the workflow in this version."""

    description: str | None = None
    """The description of the workflow in this version."""

    definition: dict[str, Any] | None = None
    """The definition of the workflow in this version, as JSON."""
