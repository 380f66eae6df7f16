"""Memory: the rules that the routes and the engine share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.http.bodies import Body
from fibonacci.emulator.state.clock import iso, later
from fibonacci.emulator.state.json_encoding import JSON
from fibonacci.emulator.state.records import StoredMemory
from fibonacci.emulator.state.snapshot import Key
from fibonacci.emulator.state.store import Store

SCOPES: Final = ("workflow", "user", "organization", "global")

Owner = Annotated[str, Field(min_length=1)] | None


class MemorySet(Body):
    """The body of setting a value."""

    value: Any
    scope: Literal["workflow", "user", "organization", "global"] = "workflow"
    user_id: Owner = None
    workflow_id: Owner = None
    ttl: Annotated[Whole, Field(ge=1)] | None = None


class MemoryToolSet(MemorySet):
    """The parameters of the tool `memory_set`: those of `MemorySet`, and the key."""

    key: Annotated[str, Field(min_length=1)]


def owner_of(scope: str, user_id: str | None, workflow_id: str | None) -> str:
    """Return the owner of a scope's values. Empty if they are shared by all."""
    owner = {"user": user_id, "workflow": workflow_id}.get(scope)
    return owner or ""


def has_owner(store: Store, scope: str, owner: str) -> bool:
    """Return whether the owner of values exists: the memory of a workflow that was deleted is gone."""
    return scope != "workflow" or not owner or store.workflows.get(owner) is not None


def is_live(entry: StoredMemory, now: float) -> bool:
    """Return whether a value has not expired."""
    return entry["expires"] is None or now < entry["expires"]


def set_value(
    store: Store,
    place: Key,
    body: MemorySet,
    now: float,
    description: str | None = None,
    tags: Sequence[str] | None = None,
) -> StoredMemory:
    """Store a value at its place (scope, owner, key), with what it is described and tagged with, if it is.

    Returns:
        The record of the value.
    """
    earlier = store.memory.get(*place)
    written = iso(now)
    entry: StoredMemory = {
        "key": place[-1],
        "value": body.value,
        "scope": body.scope,
        "user_id": body.user_id,
        "workflow_id": body.workflow_id,
        "ttl": body.ttl,
        "created_at": earlier["created_at"] if earlier and is_live(earlier, now) else written,
        "updated_at": written,
        "expires": None if body.ttl is None else later(now, body.ttl),
    }
    if description:
        entry["description"] = description
    if tags:
        entry["tags"] = [*tags]
    store.memory.put(*place, record=entry)
    return entry


def find_value(store: Store, workflow_id: str, key: str, now: float) -> tuple[bool, JSON]:
    """Return the value of `{{memory.key}}` in a workflow: its own, else the closest shared one.

    Returns:
        Whether there is one, and the value.
    """
    for place in (("workflow", workflow_id), ("workflow", ""), ("organization", ""), ("global", "")):
        entry = store.memory.get(*place, key)
        if entry is not None and is_live(entry, now):
            return True, entry["value"]
    return False, None
