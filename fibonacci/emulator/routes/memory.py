"""Memory: values under a key, kept forever or for some seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fibonacci.definitions.tools import unused_owners
from fibonacci.emulator.context import Endpoint, RequestContext
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.memory import SCOPES, MemorySet, has_owner, is_live, owner_of, set_value
from fibonacci.emulator.http.messages import Detail, Reply, invalid, no_content, not_found, read
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import JSONObject, fields_of
from fibonacci.emulator.state.records import StoredMemory
from fibonacci.emulator.state.snapshot import Key


def get_memory(context: RequestContext) -> Reply:
    """GET /memory/{key}."""
    return Reply(_document(find_entry(context, place_in_query(context))))


def set_memory(context: RequestContext) -> Reply:
    """PUT /memory/{key}."""
    body = read(MemorySet, context.body)
    place = place_of(context, context.path["key"], body.scope, body.user_id, body.workflow_id)
    return Reply(_document(set_value(context.store, place, body, context.now)))


def delete_memory(context: RequestContext) -> Reply:
    """DELETE /memory/{key}."""
    place = place_in_query(context)
    find_entry(context, place)
    context.store.memory.delete(*place)
    return no_content()


def place_in_query(context: RequestContext, caller: str | None = None) -> Key:
    """Return the scope, the owner and the key that path and query name. The default user is the caller, if given."""
    query = context.query
    scope = query.choice("scope", SCOPES, default="workflow")
    user_id = query.text("user_id") or (caller if scope == "user" else None)
    return place_of(context, context.path["key"], scope, user_id, query.text("workflow_id"))


def place_of(context: RequestContext, key: str, scope: str, user_id: str | None, workflow_id: str | None) -> Key:
    """Return the scope, the owner and the key of a value, and warn about parameters that the scope ignores.

    Raises:
        HTTPException: 422 if a user's value has no owner, 404 if the workflow doesn't exist.
    """
    if scope == "user" and user_id is None:
        raise invalid(Detail("user_id", "is required with the scope user"))
    context.environment.warnings.report(
        [
            EmulatorWarning(
                code="no_effect", location=f"memory/{key} {name}", message=f"{name} is ignored with the scope {scope}"
            )
            for name in unused_owners(scope, {"user_id": user_id, "workflow_id": workflow_id})
        ]
    )
    owner = owner_of(scope, user_id, workflow_id)
    if not has_owner(context.store, scope, owner):
        raise not_found("workflow_id", "workflow", owner)
    return scope, owner, key


def find_entry(context: RequestContext, place: Key) -> StoredMemory:
    """Return the value at a place.

    Raises:
        HTTPException: 404 if there is none, or it has expired.
    """
    entry = context.store.memory.get(*place)
    if entry is None or not is_live(entry, context.now):
        raise not_found("key", f"memory in the scope {place[0]} with the key", place[-1])
    return entry


def _document(entry: StoredMemory) -> JSONObject:
    expires = entry["expires"]
    shown = fields_of(entry) | {"expires_at": None if expires is None else iso(expires)}
    del shown["expires"]
    return shown


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint("GET", "/memory/{key}", get_memory),
    Endpoint("PUT", "/memory/{key}", set_memory),
    Endpoint("DELETE", "/memory/{key}", delete_memory, query=("scope", "user_id", "workflow_id")),
)
