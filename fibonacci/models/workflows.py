"""Workflows and their versions."""

from __future__ import annotations

from typing import Any, ClassVar

from fibonacci.models._base import Timestamped


class Workflow(Timestamped):
    """A workflow as the platform keeps it.

    Attributes:
        id: Its id, such as `"wf-abc123"`.
        name: Its name.
        description: What it is for.
        definition: Its nodes and outputs, as JSON; `fibonacci.definitions` reads and checks it.
        version: The number or name of its latest version.
        status: Its state, as the platform names it.
    """

    shown: ClassVar[tuple[str, ...]] = ("id", "name", "version")

    id: str
    name: str | None = None
    description: str | None = None
    definition: dict[str, Any] | None = None
    version: int | str | None = None
    status: str | None = None


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
