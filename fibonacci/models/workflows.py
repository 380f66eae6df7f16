"""Workflows, their versions, and the registry of templates."""

from typing import Any, ClassVar, Literal

from fibonacci.models._base import Timestamped


class Workflow(Timestamped):
    """A workflow as the platform stores it.

    The platform documents `name`, `description` and the format of definitions. It doesn't document the other fields, so
    those of the SDK are an assumption: https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        print(workflow.id, workflow.name, workflow.version)
        print([node["id"] for node in workflow.definition["nodes"]])  # prints: ['greet']
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("id", "name", "version")
    _id_fields: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    """The ID, such as `"wf-abc123"`."""

    name: str | None = None
    """The name that people see. It doesn't have to be unique."""

    description: str | None = None
    """What the workflow does."""

    definition: dict[str, Any] | None = None
    """The nodes and outputs, as JSON. `fibonacci.definitions` can read and check it."""

    version: int | str | None = None
    """The number or name of the latest version."""

    organization_id: str | None = None
    """The ID of the organization that the workflow belongs to."""

    status: str | None = None
    """The state, such as `"active"`, in the platform's words."""


class WorkflowVersion(Timestamped):
    """A snapshot of a workflow, which each deployment and each rollback makes.

    The platform documents the snapshots. It doesn't document whether `version` is a number or a name, so the SDK
    accepts both: https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        for version in client.versions.list(workflow.id):
            print(version.version, version.created_at, version.name)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("version", "workflow_id", "name")
    _id_fields: ClassVar[tuple[str, ...]] = ("workflow_id", "version")

    version: int | str
    """The number or name of the version, as you pass it to `versions.get` and `versions.rollback`."""

    workflow_id: str | None = None
    """The ID of the workflow, such as `"wf-abc123"`."""

    name: str | None = None
    """The name that the workflow had at the time of the snapshot."""

    description: str | None = None
    """The description that the workflow had at the time of the snapshot."""

    definition: dict[str, Any] | None = None
    """The definition that the workflow had at the time of the snapshot, as JSON."""


RegistryStatus = Literal["approved", "deprecated", "archived"] | str
"""The states of a registry entry that the SDK knows.

If the platform sends another one, you get it as a string.
"""


class RegistryEntry(Timestamped):
    """A workflow's entry in the registry of templates.

    The platform documents the endpoints. It doesn't document the fields and the statuses, so those of the SDK are an
    assumption:
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
    """The ID of the workflow, such as `"wf-abc123"`."""

    name: str | None = None
    """The name of the workflow that people see."""

    status: RegistryStatus | None = None
    """The state in the registry: `approved`, `deprecated` or `archived`."""
