"""The governance settings of an organization."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.http.bodies import Body
from fibonacci.emulator.state.store import Store
from fibonacci.emulator.state.tables import Record


class GovernanceUpdate(Body):
    """The six settings, all optional in the body of an update; the defaults are those of a new organization."""

    require_approval_for_external_comm: bool = False
    require_approval_for_public_writes: bool = False
    require_approval_for_permission_changes: bool = False
    allow_self_approval: bool = False
    approval_threshold: Annotated[Whole, Field(ge=0)] = 1
    category_flags: dict[str, bool] = Field(default_factory=dict)


def settings_of(store: Store, organization: str) -> Record:
    """Return the settings of an organization; those that its record does not have, for it is older, are the default."""
    return _defaults() | (store.governance.get(organization) or {})


@cache
def _defaults() -> Record:
    return GovernanceUpdate().model_dump()
