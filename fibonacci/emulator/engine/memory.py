"""Memory: the rules that the routes and the engine share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from fibonacci.definitions.json_types import Whole
from fibonacci.definitions.templates import Reference, TemplateError, follow
from fibonacci.emulator.engine.errors import NodeError
from fibonacci.emulator.http.messages import Body
from fibonacci.emulator.state.clock import iso, later
from fibonacci.emulator.state.json_encoding import JSON, JSONObject
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
    """Store a value at its place (scope, owner, key), with its description and tags if it has any.

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


class NodeMemory:
    """The memory of one workflow at one time, as its nodes read and write it.

    Args:
        store: The store.
        workflow_id: The ID of the workflow.
        now: The time in Unix seconds.
    """

    def __init__(self, store: Store, workflow_id: str, now: float) -> None:
        self._store = store
        self._workflow_id = workflow_id
        self._now = now

    def read(self, keys: Iterable[str]) -> JSONObject:
        """Return values by key, or `None` for a key that has none."""
        entries = {key: self._find(key) for key in keys}
        return {key: None if entry is None else entry["value"] for key, entry in entries.items()}

    def resolve(self, reference: Reference) -> Any:
        """Return the value of a `{{memory.key}}`.

        Raises:
            TemplateError: If it has none.
        """
        key, *path = reference.path
        entry = self._find(key)
        if entry is None:
            raise TemplateError(f"{{{{{reference.text}}}}} has no value: there is no memory {key!r}")
        return follow(entry["value"], reference, tuple(path))

    def write(self, key: str, value: JSON) -> None:
        """Write what a node keeps for its workflow.

        Raises:
            NodeError: If the workflow was deleted.
        """
        self._set(self._workflow_id, key, MemorySet(value=value, workflow_id=self._workflow_id))

    def set_by_tool(self, params: Mapping[str, Any]) -> None:
        """Write a value by the parameters of the tool `memory_set`.

        Raises:
            NodeError: If the parameters are not valid, or the workflow doesn't exist.
        """
        try:
            body = MemoryToolSet.model_validate(params)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise NodeError(f"the tool memory_set: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
        if body.scope == "user" and body.user_id is None:
            raise NodeError("the tool memory_set: user_id is required with the scope user")
        self._set(owner_of(body.scope, body.user_id, body.workflow_id or self._workflow_id), body.key, body)

    def _set(self, owner: str, key: str, body: MemorySet) -> None:
        if not has_owner(self._store, body.scope, owner):
            raise NodeError(f"there is no workflow {owner!r} to keep memory for: it may have been deleted")
        set_value(self._store, (body.scope, owner, key), body, self._now)

    def _find(self, key: str) -> StoredMemory | None:
        """Return the workflow's own value of a key, or else the closest shared one."""
        for owner in (("workflow", self._workflow_id), ("workflow", ""), ("organization", ""), ("global", "")):
            entry = self._store.memory.get(*owner, key)
            if entry is not None and is_live(entry, self._now):
                return entry
        return None
