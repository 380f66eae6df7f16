"""Versions: the history of a workflow."""

from __future__ import annotations

from typing import Any, ClassVar

from fibonacci.models._base import Timestamped


class WorkflowVersion(Timestamped):
    """A snapshot of a workflow: each deployment makes one, and so does a rollback.

    The platform documents the snapshots. That `version` is a number or a name is a choice of the SDK:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        for version in client.versions.list(workflow.id):
            print(version.version, version.created_at, version.name)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("version", "workflow_id", "name")
    _id_fields: ClassVar[tuple[str, ...]] = ("workflow_id", "version")

    version: int | str
    """The number or name of the version, as `versions.get` and `versions.rollback` take it."""

    workflow_id: str | None = None
    """The id of the workflow, such as `"wf-abc123"`."""

    name: str | None = None
    """The name that the workflow had when the snapshot was made."""

    description: str | None = None
    """The description that the workflow had when the snapshot was made."""

    definition: dict[str, Any] | None = None
    """The definition that the workflow had when the snapshot was made, as JSON."""
