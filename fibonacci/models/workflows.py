"""Workflows."""

from __future__ import annotations

from typing import Any, ClassVar

from fibonacci.models._base import Timestamped


class Workflow(Timestamped):
    """A workflow as the platform stores it.

    The platform documents `name`, `description` and the form of definitions. The other fields are choices of the SDK:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        print(workflow.id, workflow.name, workflow.version)
        print([node["id"] for node in workflow.definition["nodes"]])  # prints: ['greet']
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("id", "name", "version")
    _id_fields: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    """The id, such as `"wf-abc123"`."""

    name: str | None = None
    """The name that people see. Several workflows may have the same."""

    description: str | None = None
    """What the workflow does."""

    definition: dict[str, Any] | None = None
    """The nodes and outputs, as JSON; `fibonacci.definitions` reads and checks it."""

    version: int | str | None = None
    """The number or name of the latest version."""

    organization_id: str | None = None
    """The id of the organization that the workflow belongs to."""

    status: str | None = None
    """The state, such as `"active"`, as the platform names it."""
