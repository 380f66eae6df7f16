"""The settings that a seed may have: the file of each, its request, and what of it a state has already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.memory import MemoryToolSet, is_live, owner_of
from fibonacci.emulator.http.bodies import Body
from fibonacci.emulator.policy.governance import GovernanceUpdate
from fibonacci.emulator.routes.quota import QuotaUpdate
from fibonacci.emulator.routes.tool_policies import PolicyCreate, RoleOverrideCreate
from fibonacci.emulator.state.store import Store
from fibonacci.emulator.state.tables import Record


@dataclass(frozen=True, slots=True)
class SettingKind:
    """One kind of settings.

    Attributes:
        name: The name of its file, without the suffix.
        model: The content of the file, or each item of its list.
        is_list: Whether the file holds a list.
        method: The method of the request that applies it.
        path: Returns the path of the request, from the organization and the content.
        find: Returns what a state has of the same name, from the state, the organization, the content and the time.
    """

    name: str
    model: type[Body]
    is_list: bool
    method: str
    path: Callable[[str, Any], str]
    find: Callable[[Store, str, Any, float], Record | None]


def _memory(store: Store, organization: str, given: MemoryToolSet, now: float) -> Record | None:
    entry = store.memory.get(given.scope, owner_of(given.scope, given.user_id, given.workflow_id), given.key)
    return entry if entry is not None and is_live(entry, now) else None


def _policy(store: Store, organization: str, given: PolicyCreate, now: float) -> Record | None:
    return store.tool_policies.get(organization, canonical_tool(given.tool_name))


def _override(store: Store, organization: str, given: RoleOverrideCreate, now: float) -> Record | None:
    return store.role_overrides.get(organization, given.role, canonical_tool(given.tool_name))


SETTINGS: Final = (
    SettingKind(
        "governance",
        GovernanceUpdate,
        is_list=False,
        method="PATCH",
        path=lambda organization, given: f"/organizations/{organization}/governance",
        find=lambda store, organization, given, now: store.governance.get(organization),
    ),
    SettingKind(
        "quota",
        QuotaUpdate,
        is_list=False,
        method="PATCH",
        path=lambda organization, given: f"/organizations/{organization}/quota",
        find=lambda store, organization, given, now: store.quota_overrides.get(organization),
    ),
    SettingKind(
        "tool-policies",
        PolicyCreate,
        is_list=True,
        method="POST",
        path=lambda organization, given: f"/organizations/{organization}/tool-policies",
        find=_policy,
    ),
    SettingKind(
        "role-policy-overrides",
        RoleOverrideCreate,
        is_list=True,
        method="POST",
        path=lambda organization, given: f"/organizations/{organization}/role-policy-overrides",
        find=_override,
    ),
    SettingKind(
        "memory",
        MemoryToolSet,
        is_list=True,
        method="PUT",
        path=lambda organization, given: f"/memory/{quote(given.key, safe='')}",
        find=_memory,
    ),
)
"""In the order in which they are applied."""
