"""What the owner of an organization sets: governance, quota, and tool policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, TypeVar, cast

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.account import PLANS, ROLES, KeyRole, overrides_of
from fibonacci.emulator.context import Endpoint, RequestContext
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.tool_catalog import find_tool
from fibonacci.emulator.http.messages import (
    Body,
    Detail,
    Reply,
    bare,
    conflict,
    created,
    invalid,
    no_content,
    not_found,
    read,
)
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.policy.admission import report_categories, settings_of
from fibonacci.emulator.policy.approvals import GovernanceUpdate, counts_of, release
from fibonacci.emulator.policy.organizations import audit, organization_of
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.records import StoredGovernance, StoredQuota, StoredRoleOverride, StoredToolPolicy
from fibonacci.emulator.state.store import Table


def get_settings(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance."""
    return bare(settings_of(context.store, organization_of(context)))


def update_settings(context: RequestContext) -> Reply:
    """PATCH /organizations/{organization_id}/governance."""
    organization = organization_of(context)
    given = read(GovernanceUpdate, context.body).model_dump(exclude_unset=True)
    report_categories(context, f"{organization}/governance", given.get("category_flags", {}))
    before = settings_of(context.store, organization)
    after = cast("StoredGovernance", {**before, **given})
    context.store.governance.put(organization, record=after)
    audit(context, "governance.updated", "governance", before, after)
    if organization == context.organization:
        release(context)
    return bare(after)


def report(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance/report."""
    organization = organization_of(context)
    store = context.store
    is_home = organization == context.organization
    statuses = store.executions.counts() if is_home else {}
    content = {
        "organization_id": organization,
        "generated_at": iso(context.now),
        "settings": settings_of(context.store, organization),
        "workflows": store.workflows.count() if is_home else 0,
        "executions": {"total": sum(statuses.values()), "by_status": statuses},
        "registry": store.registry.counts() if is_home else {},
        "tool_policies": store.tool_policies.count({"organization": organization}),
        "role_policy_overrides": store.role_overrides.count({"organization": organization}),
        "changes": store.audit.counts(organization),
    }
    return Reply(content)


def audit_log(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance/audit, newest first."""
    return _listed(context, context.store.audit, "audit", newest_first=True)


def _listed(context: RequestContext, table: Table[Any], kind: str, *, newest_first: bool = False) -> Reply:
    organization = organization_of(context)
    rows = partial(table.rows, {"organization": organization})
    return paged(rows, context.query, kind=f"{kind} of {organization}", newest_first=newest_first)


def approvals(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance/approvals."""
    organization = organization_of(context)
    counts = counts_of(context.store, organization, context.organization)
    threshold = settings_of(context.store, organization)["approval_threshold"]
    return Reply({"organization_id": organization, **counts, "total": sum(counts.values()), "threshold": threshold})


Amount = Annotated[Whole, Field(ge=0)] | None


class QuotaUpdate(Body):
    """The overrides to change. Null removes one."""

    workflow_runs_per_hour: Amount = None
    concurrent_executions: Amount = None
    memory_mb: Amount = None


def get_quota(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/quota."""
    organization = organization_of(context)
    return bare(_quota(context, organization))


def update_quota(context: RequestContext) -> Reply:
    """PATCH /organizations/{organization_id}/quota."""
    organization = organization_of(context)
    given = read(QuotaUpdate, context.body).model_dump(exclude_unset=True)
    _check_ceilings(context, given)
    if given.get("memory_mb") is not None:
        message = "memory_mb is stored but not enforced"
        context.environment.warnings.report(
            [EmulatorWarning(code="not_enforced", location=f"organizations/{organization}/quota", message=message)]
        )
    before = overrides_of(context.store, organization)
    after = {name: value for name, value in (before | given).items() if value is not None}
    context.store.quota_overrides.put(organization, record=cast("StoredQuota", after))
    audit(context, "quota.updated", "quota", before, after)
    context.platform.scheduler.start_queued(context.now)
    return bare(_quota(context, organization))


def _check_ceilings(context: RequestContext, given: Mapping[str, int | None]) -> None:
    plan = context.platform.account.plan
    ceilings = PLANS[plan].ceilings
    faults = [
        Detail(name, f"must be at most {ceilings[name]}, the ceiling of the plan {plan}")
        for name, value in given.items()
        if value is not None and value > ceilings[name]
    ]
    if faults:
        raise invalid(*faults)


def _quota(context: RequestContext, organization: str) -> Mapping[str, object]:
    account = context.platform.account
    return {
        "plan": account.plan,
        "limits": dict(PLANS[account.plan].quota),
        "overrides": overrides_of(context.store, organization),
        "effective": account.quota(context.store, organization),
    }


_ALL_ROLES: Final[list[KeyRole]] = list(reversed(ROLES))


ToolName = Annotated[str, Field(min_length=1)]


class PolicyCreate(Body):
    """The body of creating a policy."""

    tool_name: ToolName
    enabled: bool = True
    allowed_roles: list[KeyRole] = _ALL_ROLES


class PolicyUpdate(Body):
    """The body of updating a policy, where absent fields stay unchanged."""

    enabled: bool = True
    allowed_roles: list[KeyRole] = _ALL_ROLES


class RoleOverrideCreate(Body):
    """The body of creating an override for a role."""

    role: KeyRole
    tool_name: ToolName
    enabled: bool = True


_ToolT = TypeVar("_ToolT", PolicyCreate, RoleOverrideCreate)


def list_policies(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/tool-policies."""
    return _listed(context, context.store.tool_policies, "tool policies")


def create_policy(context: RequestContext) -> Reply:
    """POST /organizations/{organization_id}/tool-policies."""
    organization = organization_of(context)
    body = _with_known_tool(context, read(PolicyCreate, context.body))
    if context.store.tool_policies.get(organization, body.tool_name):
        raise conflict("tool_name", f"The tool {body.tool_name!r} already has a policy. Change it with PATCH.")
    now = iso(context.now)
    policy = cast("StoredToolPolicy", body.model_dump() | {"created_at": now, "updated_at": now})
    context.store.tool_policies.put(organization, body.tool_name, record=policy)
    audit(context, "tool_policy.created", f"tool-policies/{body.tool_name}", {}, body.model_dump())
    return created(policy)


def update_policy(context: RequestContext) -> Reply:
    """PATCH /organizations/{organization_id}/tool-policies/{tool_name}."""
    organization = organization_of(context)
    before = _find_policy(context, organization)
    given = read(PolicyUpdate, context.body).model_dump(exclude_unset=True)
    after = cast("StoredToolPolicy", {**before, **given})
    if after != before:
        audit(context, "tool_policy.updated", f"tool-policies/{before['tool_name']}", before, after)
        after["updated_at"] = iso(context.now)
        context.store.tool_policies.put(organization, before["tool_name"], record=after)
    return Reply(after)


def delete_policy(context: RequestContext) -> Reply:
    """DELETE /organizations/{organization_id}/tool-policies/{tool_name}."""
    organization = organization_of(context)
    policy = _find_policy(context, organization)
    context.store.tool_policies.delete(organization, policy["tool_name"])
    settings = {name: value for name, value in policy.items() if name in PolicyCreate.model_fields}
    audit(context, "tool_policy.deleted", f"tool-policies/{policy['tool_name']}", settings, {})
    return no_content()


def list_role_overrides(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/role-policy-overrides."""
    return _listed(context, context.store.role_overrides, "role overrides")


def create_role_override(context: RequestContext) -> Reply:
    """POST /organizations/{organization_id}/role-policy-overrides."""
    organization = organization_of(context)
    body = _with_known_tool(context, read(RoleOverrideCreate, context.body))
    if context.store.role_overrides.get(organization, body.role, body.tool_name):
        raise conflict("tool_name", f"The role {body.role} already has an override for the tool {body.tool_name!r}.")
    now = iso(context.now)
    override = cast("StoredRoleOverride", body.model_dump() | {"created_at": now, "updated_at": now})
    context.store.role_overrides.put(organization, body.role, body.tool_name, record=override)
    audit(
        context, "role_override.created", f"role-policy-overrides/{body.role}/{body.tool_name}", {}, body.model_dump()
    )
    return created(override)


def _find_policy(context: RequestContext, organization: str) -> StoredToolPolicy:
    tool = canonical_tool(context.path["tool_name"])
    policy = context.store.tool_policies.get(organization, tool)
    if policy is None:
        raise not_found("tool_name", "policy for the tool", tool)
    return policy


def _with_known_tool(context: RequestContext, body: _ToolT) -> _ToolT:
    """Return the body with the name of its tool in the spelling of the catalog, and refuse an unknown tool."""
    tool = find_tool(context.environment.handlers, body.tool_name)
    if tool is None:
        raise invalid(Detail("tool_name", f"There is no tool {body.tool_name!r}. GET /tools lists the tools."))
    return body.model_copy(update={"tool_name": tool["name"]})


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint("GET", "/organizations/{organization_id}/governance", get_settings),
    Endpoint("PATCH", "/organizations/{organization_id}/governance", update_settings, role="owner"),
    Endpoint("GET", "/organizations/{organization_id}/governance/report", report),
    Endpoint("GET", "/organizations/{organization_id}/governance/audit", audit_log),
    Endpoint("GET", "/organizations/{organization_id}/governance/approvals", approvals),
    Endpoint("GET", "/organizations/{organization_id}/quota", get_quota),
    Endpoint("PATCH", "/organizations/{organization_id}/quota", update_quota, role="owner"),
    Endpoint("GET", "/organizations/{organization_id}/tool-policies", list_policies),
    Endpoint("POST", "/organizations/{organization_id}/tool-policies", create_policy, role="admin"),
    Endpoint("PATCH", "/organizations/{organization_id}/tool-policies/{tool_name}", update_policy, role="admin"),
    Endpoint("DELETE", "/organizations/{organization_id}/tool-policies/{tool_name}", delete_policy, role="admin"),
    Endpoint("GET", "/organizations/{organization_id}/role-policy-overrides", list_role_overrides),
    Endpoint("POST", "/organizations/{organization_id}/role-policy-overrides", create_role_override, role="admin"),
)
