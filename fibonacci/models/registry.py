"""The workflow registry: which workflows are approved as templates."""

from __future__ import annotations

from typing import ClassVar, Literal

from fibonacci.models._base import Timestamped

RegistryStatus = Literal["approved", "deprecated", "archived"] | str
"""The states that the SDK knows; the platform may have others, which are kept as strings."""


class RegistryEntry(Timestamped):
    """A workflow's place in the registry.

    Attributes:
        workflow_id: The workflow that it speaks of.
        id: The entry's own id, where the platform gives one.
        name: The workflow's name.
        status: Its state in the registry.
    """

    shown: ClassVar[tuple[str, ...]] = ("workflow_id", "name", "status")

    workflow_id: str | None = None
    id: str | None = None
    name: str | None = None
    status: RegistryStatus | None = None
