"""The quota of an organization: the plan's limits, and overrides up to the plan's ceilings."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.account import PLANS, KeyRole
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.replies import Detail, Reply, bare, invalid
from fibonacci.emulator.policy.organizations import audit, organization_of
from fibonacci.emulator.state.tables import Record

Amount = Annotated[Whole, Field(ge=0)] | None


class QuotaUpdate(Body):
    """The overrides to change; null takes one back."""

    workflow_runs_per_hour: Amount = None
    concurrent_executions: Amount = None
    memory_mb: Amount = None


def get_quota(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/quota."""
    organization = organization_of(context)
    return bare(_quota(context, context.store.quota_overrides.get(organization) or {}))


def update_quota(context: RequestContext) -> Reply:
    """PATCH /organizations/{organization_id}/quota."""
    organization = organization_of(context)
    given = read(QuotaUpdate, context.body).model_dump(exclude_unset=True)
    _check_ceilings(context, given)
    if given.get("memory_mb") is not None:
        message = "memory_mb is stored and not enforced"
        context.environment.warnings.report(
            [EmulatorWarning(code="not_enforced", location=f"organizations/{organization}/quota", message=message)]
        )
    before = context.store.quota_overrides.get(organization) or {}
    after = {name: value for name, value in (before | given).items() if value is not None}
    context.store.quota_overrides.put(organization, record=after)
    audit(context, "quota.updated", "quota", before, after)
    return bare(_quota(context, after))


def _check_ceilings(context: RequestContext, given: dict[str, Any]) -> None:
    ceilings = PLANS[context.plan].ceilings
    faults = [
        Detail(name, f"must not be over {ceilings[name]}, the ceiling of the plan {context.plan}")
        for name, value in given.items()
        if value is not None and value > ceilings[name]
    ]
    if faults:
        raise invalid(*faults)


def _quota(context: RequestContext, overrides: Record) -> Record:
    limits = dict(PLANS[context.plan].quota)
    return {"plan": context.plan, "limits": limits, "overrides": overrides, "effective": limits | overrides}


ENDPOINTS = [
    ("GET", "/organizations/{organization_id}/quota", get_quota),
    ("PATCH", "/organizations/{organization_id}/quota", update_quota),
]
PERMISSIONS: Final[dict[tuple[str, str], KeyRole]] = {
    ("PATCH", "/organizations/{organization_id}/quota"): "owner",
}
