"""The quota of an organization: the plan's limits, and overrides up to the plan's ceilings."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.body import Body, read
from fibonacci.emulator.call import Call
from fibonacci.emulator.envelope import Reply, bare
from fibonacci.emulator.errors import Detail, invalid
from fibonacci.emulator.keys import Role
from fibonacci.emulator.plans import PLANS
from fibonacci.emulator.routes.organizations import audit, organization_of
from fibonacci.emulator.store import Record

Amount = Annotated[Whole, Field(ge=0)] | None


class QuotaUpdate(Body):
    """The overrides to change; null takes one back."""

    workflow_runs_per_hour: Amount = None
    concurrent_executions: Amount = None
    memory_mb: Amount = None


def get_quota(call: Call) -> Reply:
    """GET /organizations/{organization_id}/quota."""
    organization = organization_of(call)
    return bare(_quota(call, call.store.quota_overrides.get(organization) or {}))


def update_quota(call: Call) -> Reply:
    """PATCH /organizations/{organization_id}/quota."""
    organization = organization_of(call)
    given = read(QuotaUpdate, call.body).model_dump(exclude_unset=True)
    _check_ceilings(call, given)
    before = call.store.quota_overrides.get(organization) or {}
    after = {name: value for name, value in (before | given).items() if value is not None}
    call.store.quota_overrides.put(organization, record=after)
    audit(call, "quota.updated", "quota", before, after)
    return bare(_quota(call, after))


def _check_ceilings(call: Call, given: dict[str, Any]) -> None:
    ceilings = PLANS[call.plan].ceilings
    faults = [
        Detail(name, f"must not be over {ceilings[name]}, the ceiling of the plan {call.plan}")
        for name, value in given.items()
        if value is not None and value > ceilings[name]
    ]
    if faults:
        raise invalid(*faults)


def _quota(call: Call, overrides: Record) -> Record:
    limits = dict(PLANS[call.plan].quota)
    return {"plan": call.plan, "limits": limits, "overrides": overrides, "effective": limits | overrides}


ENDPOINTS = [
    ("GET", "/organizations/{organization_id}/quota", get_quota),
    ("PATCH", "/organizations/{organization_id}/quota", update_quota),
]
PERMISSIONS: Final[dict[tuple[str, str], Role]] = {
    ("PATCH", "/organizations/{organization_id}/quota"): "owner",
}
