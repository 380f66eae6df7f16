"""Versions: the history of a workflow."""

from __future__ import annotations

from typing import Any, ClassVar

from fibonacci.models._base import Timestamped


class WorkflowVersion(Timestamped):
    """A snapshot of a workflow: each deployment makes one, and so does a rollback.

    Attributes:
        version: Its number or name, for `versions.get` and `versions.rollback`.
        workflow_id: The workflow that it belongs to.
        name: The workflow's name in this version.
        description: The workflow's description in this version.
        definition: The workflow's definition in this version.
    """

    shown: ClassVar[tuple[str, ...]] = ("version", "workflow_id", "name")

    version: int | str
    workflow_id: str | None = None
    name: str | None = None
    description: str | None = None
    definition: dict[str, Any] | None = None
