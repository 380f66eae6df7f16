"""The columns of tables by the class of the objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COLUMNS: Final[dict[str, Sequence[str]]] = {
    "Workflow": ("id", "name", "version", "status", "updated_at"),
    "Execution": ("id", "status", "created_at", "duration_ms", "workflow_id", "nodes_failed"),
    "WorkflowVersion": ("version", "name", "rolled_back_from", "created_at"),
    "RegistryEntry": ("workflow_id", "name", "status", "updated_at"),
    "ToolPolicy": ("tool_name", "enabled", "allowed_roles", "updated_at"),
    "RolePolicyOverride": ("role", "tool_name", "enabled"),
    "Tool": ("name", "description"),
}
_MOST: Final = 6


def columns_of(item: Any, fields: Mapping[str, Any]) -> Sequence[str]:
    """Return the columns for objects like this one: those of its class, else its first fields with simple values."""
    simple = [name for name, value in fields.items() if not isinstance(value, dict | list)]
    return _COLUMNS.get(type(item).__name__) or simple[:_MOST] or list(fields)[:_MOST]
