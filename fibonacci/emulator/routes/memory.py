"""Memory: values that workflows and users keep under a key, for ever or for some seconds."""

from __future__ import annotations

from fibonacci.emulator.body import read
from fibonacci.emulator.call import Call
from fibonacci.emulator.clock import iso
from fibonacci.emulator.envelope import Reply, no_content
from fibonacci.emulator.errors import Detail, invalid, not_found
from fibonacci.emulator.memory import SCOPES, MemorySet, is_live, owner_of, remember
from fibonacci.emulator.store import Key, Record


def get_memory(call: Call) -> Reply:
    """GET /memory/{key}."""
    return Reply(_shown(_find(call, _place_in_query(call))))


def set_memory(call: Call) -> Reply:
    """PUT /memory/{key}."""
    body = read(MemorySet, call.body)
    place = _place(body.scope, body.user_id, body.workflow_id, call.path["key"])
    return Reply(_shown(remember(call.store, place, body, call.now)))


def delete_memory(call: Call) -> Reply:
    """DELETE /memory/{key}."""
    place = _place_in_query(call)
    _find(call, place)
    call.store.memory.delete(*place)
    return no_content()


def _place_in_query(call: Call) -> Key:
    query = call.query
    scope = query.choice("scope", SCOPES, default="workflow")
    return _place(scope, query.text("user_id"), query.text("workflow_id"), call.path["key"])


def _place(scope: str, user_id: str | None, workflow_id: str | None, key: str) -> Key:
    if scope == "user" and user_id is None:
        raise invalid(Detail("user_id", "is required with the scope user"))
    return scope, owner_of(scope, user_id, workflow_id), key


def _find(call: Call, place: Key) -> Record:
    entry = call.store.memory.get(*place)
    if entry is None or not is_live(entry, call.now):
        raise not_found("key", f"memory in the scope {place[0]} with the key", place[-1])
    return entry


def _shown(entry: Record) -> Record:
    expires = entry["expires"]
    shown = entry | {"expires_at": None if expires is None else iso(expires)}
    del shown["expires"]
    return shown


ENDPOINTS = [
    ("GET", "/memory/{key}", get_memory),
    ("PUT", "/memory/{key}", set_memory),
    ("DELETE", "/memory/{key}", delete_memory),
]
