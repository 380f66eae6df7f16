"""Workflows, their versions, and the registry of templates."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

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


RegistryStatus = Literal["approved", "deprecated", "archived"] | str
"""The states that the SDK knows; the platform may have others, which are kept as strings."""


class RegistryEntry(Timestamped):
    """A workflow's entry in the registry of templates.

    The platform documents the endpoints. The fields and the statuses are choices of the SDK:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        entry = client.registry.approve_template(workflow.id)
        print(entry.workflow_id, entry.status)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("workflow_id", "name", "status")
    _id_fields: ClassVar[tuple[str, ...]] = ("workflow_id",)

    workflow_id: str | None = None
    """The id of the workflow, such as `"wf-abc123"`."""

    name: str | None = None
    """The name of the workflow that people see."""

    status: RegistryStatus | None = None
    """The state in the registry: `approved`, `deprecated` or `archived`."""
