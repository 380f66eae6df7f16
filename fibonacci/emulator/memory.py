"""The rules of memory that the routes and the engine share."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.emulator.store import Record, Store

SCOPES: Final = ("workflow", "user", "organization", "global")


def owner_of(scope: str, user_id: str | None, workflow_id: str | None) -> str:
    """Return whose values a scope means; empty when everybody shares them."""
    owner = {"user": user_id, "workflow": workflow_id}.get(scope)
    return owner or ""


def is_live(entry: Record, now: float) -> bool:
    """Tell whether a value has not expired."""
    return entry["expires"] is None or now < entry["expires"]


def recall(store: Store, workflow_id: str, key: str, now: float) -> tuple[bool, Any]:
    """Find what `{{memory.key}}` means in a workflow: its own value, else the nearest shared one.

    Returns:
        Whether there is one, and the value.
    """
    for place in (("workflow", workflow_id), ("workflow", ""), ("organization", ""), ("global", "")):
        entry = store.memory.get(*place, key)
        if entry is not None and is_live(entry, now):
            return True, entry["value"]
    return False, None
