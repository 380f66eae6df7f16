"""Memory: the tool that writes it, and whose values a scope has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MEMORY_SET: Final = "memory_set"
"""The tool that stores a value in memory, as `PUT /memory/{key}` does."""

_OWNERS: Final[Mapping[object, str]] = {"user": "user_id", "workflow": "workflow_id"}


def unused_owners(scope: object, given: Mapping[str, Any]) -> list[str]:
    """Return the owners that are given, and that a scope does not have: only `user` has a user."""
    used = _OWNERS.get(scope) if isinstance(scope, str) else None
    return [name for name in _OWNERS.values() if name != used and given.get(name) is not None]
