"""The audit log of an organization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.store import Store
from fibonacci.emulator.state.tables import Record

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

    def differences(self) -> Record:
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
    entry: Record = {
        "id": ids.audit_id(),
        "actor": change.actor,
        "action": change.action,
        "target": change.target,
        "changes": differences,
        "created_at": iso(now),
    }
    store.audit.put(organization, entry["id"], record=entry)
