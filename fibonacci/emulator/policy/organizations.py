"""The organization that a path names, changes to it, and its audit log."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.http.messages import not_found
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.records import StoredAudit, StoredChange
from fibonacci.emulator.state.store import Store

_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One change to record.

    Attributes:
        actor: Who made it.
        action: Its kind, such as `quota.updated`.
        target: The path of what was changed, below its organization or the API.
        before: The fields before.
        after: The fields after.
    """

    actor: str
    action: str
    target: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def differences(self) -> dict[str, StoredChange]:
        """Return the old and the new value of each field that differs."""
        return {
            name: {"from": self.before.get(name), "to": self.after.get(name)}
            for name in {**self.before, **self.after}
            if self.before.get(name, _MISSING) != self.after.get(name, _MISSING)
        }


def record_change(store: Store, organization: str, change: Change, now: float) -> None:
    """Append a change to an organization's audit log, unless nothing differs."""
    differences = change.differences()
    if not differences:
        return
    entry: StoredAudit = {
        "id": f"audit_{os.urandom(6).hex()}",
        "actor": change.actor,
        "action": change.action,
        "target": change.target,
        "changes": differences,
        "created_at": iso(now),
    }
    store.audit.put(organization, entry["id"], record=entry)


_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_organization_id(text: str) -> bool:
    """Return whether a text is a valid ID of an organization."""
    return _ID.fullmatch(text) is not None


def organization_of(context: RequestContext) -> str:
    """Return the organization that the path names. Every valid ID is one, with the defaults of the plan.

    The key belongs only to the emulator's organization. Another organization is a warning.

    Raises:
        HTTPException: 404 if the ID is not valid. In strict mode also if it is another organization's.
    """
    organization = context.path["organization_id"]
    if not is_organization_id(organization):
        raise not_found("organization_id", "organization", organization)
    if organization != context.organization:
        message = (
            f"the key belongs to {context.organization!r}, so settings of another organization have no "
            "effect on its runs"
        )
        warning = EmulatorWarning(
            code="foreign_organization", location=f"organizations/{organization}", message=message
        )
        context.environment.warnings.report(
            [warning], lambda _: not_found("organization_id", "organization", organization)
        )
    return organization


def audit(
    context: RequestContext, action: str, target: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Record the caller's change in the audit log of the organization that the path names."""
    change = Change(context.actor.name, action, target, before, after)
    record_change(context.store, organization_of(context), change, context.now)
