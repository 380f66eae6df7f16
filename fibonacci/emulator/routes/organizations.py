"""What the routes of an organization share: its id and its audit log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fibonacci.emulator import ids
from fibonacci.emulator.call import Call
from fibonacci.emulator.clock import iso
from fibonacci.emulator.errors import not_found
from fibonacci.emulator.store import Record

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

_MISSING: Final = object()


def organization_of(call: Call) -> str:
    """Return the organization that the path names; any plausible id is one, with the defaults of its plan.

    Raises:
        ApiError: 404 for an id that cannot be one.
    """
    organization = call.path["organization_id"]
    if not is_organization(organization):
        raise not_found("organization", organization)
    return organization


def is_organization(name: str) -> bool:
    """Tell whether an id can be that of an organization."""
    return _ID.fullmatch(name) is not None


def audit(call: Call, action: str, target: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Write what a change did into the organization's audit log; nothing when nothing changed."""
    changes = {
        name: {"from": before.get(name), "to": after.get(name)}
        for name in {**before, **after}
        if before.get(name, _MISSING) != after.get(name, _MISSING)
    }
    if not changes:
        return
    entry: Record = {
        "id": ids.audit_id(),
        "actor": call.actor,
        "action": action,
        "target": target,
        "changes": changes,
        "created_at": iso(call.now),
    }
    call.store.audit.put(organization_of(call), entry["id"], record=entry)
