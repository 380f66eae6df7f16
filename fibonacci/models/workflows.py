"""Workflows."""

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
