"""The rules of governance that several parts share: the settings of an organization, and its audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.http.bodies import Body
from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.store import Record, Store

_MISSING: Final = object()


class GovernanceUpdate(Body):
    """The six settings with their defaults; as a body, each may be left out."""

    require_approval_for_external_comm: bool = False
    require_approval_for_public_writes: bool = False
    require_approval_for_permission_changes: bool = False
    allow_self_approval: bool = False
    approval_threshold: Annotated[Whole, Field(ge=0)] = 1
    category_flags: dict[str, bool] = Field(default_factory=dict)


def settings_of(store: Store, organization: str) -> Record:
    """Return an organization's settings."""
    return store.governance.get(organization) or GovernanceUpdate().model_dump()


def audit(
    store: Store,
    organization: str,
    actor: str,
    now: float,
    action: str,
    target: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Write what a change did into an organization's audit log; nothing when nothing changed."""
    changes = {
        name: {"from": before.get(name), "to": after.get(name)}
        for name in {**before, **after}
        if before.get(name, _MISSING) != after.get(name, _MISSING)
    }
    if not changes:
        return
    entry: Record = {
        "id": ids.audit_id(),
        "actor": actor,
        "action": action,
        "target": target,
        "changes": changes,
        "created_at": iso(now),
    }
    store.audit.put(organization, entry["id"], record=entry)
