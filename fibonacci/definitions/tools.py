"""What is known of tools without asking the platform: how they are spelled, and which one stores memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MEMORY_SET: Final = "memory_set"
"""The tool that stores a value in memory, as `PUT /memory/{key}` does."""

_OWNERS: Final[Mapping[object, str]] = {"user": "user_id", "workflow": "workflow_id"}


def canonical_tool(name: str) -> str:
    """Return the one name of a tool: the dotted and the underscore spelling are the same tool."""
    return name.replace(".", "_")


def unused_owners(scope: object, given: Mapping[str, Any]) -> list[str]:
    """Return the owners that are given, and that a scope does not have: only `user` has a user."""
    used = _OWNERS.get(scope) if isinstance(scope, str) else None
    return [name for name in _OWNERS.values() if name != used and given.get(name) is not None]
