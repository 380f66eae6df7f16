"""The workflow registry: which workflows are approved as templates."""

from __future__ import annotations

from typing import ClassVar, Literal

from fibonacci.models._base import Timestamped

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
