"""One difference between two definitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ChangeKind = Literal["added", "removed", "changed"]
"""What has become of a node or a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionChange:
    """One difference between two definitions, as `diff` finds it.

    Example:
        >>> from fibonacci.definitions import diff
        >>> node = {"id": "greet", "type": "llm", "instruction": "Greet"}
        >>> (change,) = diff({"nodes": [node]}, {"nodes": [node | {"temperature": 0.2}]}).changes
        >>> change.kind, change.location, change.old, change.new
        ('changed', 'greet.temperature', None, 0.2)
    """

    kind: ChangeKind
    """The kind of difference: `added`, `removed`, or `changed`, which a field with a default always is."""

    location: str
    """The place: a node (`greet`), a field of a node (`greet.params.to`) or of the workflow (`outputs.answer`)."""

    old: Any = None
    """The node or value in the old definition; None when it was added."""

    new: Any = None
    """The node or value in the new definition; None when it was removed."""

    node: str | None = None
    """The id of the node that it is about; None when it is about the workflow itself."""
