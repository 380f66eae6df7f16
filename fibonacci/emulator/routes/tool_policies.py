"""Tool policies: which tools an organization allows to which roles, and the overrides for single roles."""

from __future__ import annotations

from functools import partial
from typing import Final, TypeVar

from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.account import ROLES, KeyRole
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.tool_catalog import find_tool
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.http.replies import Detail, Reply, conflict, created, invalid, no_content, not_found
from fibonacci.emulator.policy.organizations import audit, organization_of
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.tables import Record

ALL_ROLES: Final[list[KeyRole]] = list(reversed(ROLES))


class PolicyCreate(Body):
    """The body of creating a policy."""

    tool_name: str
    enabled: bool = True
    allowed_roles: list[KeyRole] = ALL_ROLES


class PolicyUpdate(Body):
    """The body of updating a policy; absent fields stay unchanged."""

    enabled: bool = True
    allowed_roles: list[KeyRole] = ALL_ROLES


class RoleOverrideCreate(Body):
    """The body of creating an override for a role."""

    role: KeyRole
    tool_name: str
    enabled: bool = True


_ToolT = TypeVar("_ToolT", PolicyCreate, RoleOverrideCreate)


def list_policies(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/tool-policies."""
    organization = organization_of(context)
    rows = partial(context.store.tool_policies.rows, organization)
    return paged(rows, context.query, kind=f"tool policies of {organization}")


def create_policy(context: RequestContext) -> Reply:
    """POST /organizations/{organization_id}/tool-policies."""
    organization = organization_of(context)
    body = _with_known_tool(context, read(PolicyCreate, context.body))
    if context.store.tool_policies.get(organization, body.tool_name):
        raise conflict("tool_name", f"There is a policy for the tool {body.tool_name!r} already; change it with PATCH.")
    policy = _dated(body, context)
    context.store.tool_policies.put(organization, body.tool_name, record=policy)
    audit(context, "tool_policy.created", f"tool-policies/{body.tool_name}", {}, body.model_dump())
    return created(policy)


def update_policy(context: RequestContext) -> Reply:
    """PATCH /organizations/{organization_id}/tool-policies/{tool_name}."""
    organization = organization_of(context)
    before = _find_policy(context, organization)
    given = read(PolicyUpdate, context.body).model_dump(exclude_unset=True)
    after = before | given
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
    settings = {name: policy[name] for name in PolicyCreate.model_fields}
    audit(context, "tool_policy.deleted", f"tool-policies/{policy['tool_name']}", settings, {})
    return no_content()


def list_role_overrides(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/role-policy-overrides."""
    organization = organization_of(context)
    rows = partial(context.store.role_overrides.rows, organization)
    return paged(rows, context.query, kind=f"role overrides of {organization}")


def create_role_override(context: RequestContext) -> Reply:
    """POST /organizations/{organization_id}/role-policy-overrides."""
    organization = organization_of(context)
    body = _with_known_tool(context, read(RoleOverrideCreate, context.body))
    if context.store.role_overrides.get(organization, body.role, body.tool_name):
        raise conflict(
            "tool_name", f"There is an override for the role {body.role} and the tool {body.tool_name!r} already."
        )
    override = _dated(body, context)
    context.store.role_overrides.put(organization, body.role, body.tool_name, record=override)
    audit(
        context, "role_override.created", f"role-policy-overrides/{body.role}/{body.tool_name}", {}, body.model_dump()
    )
    return created(override)


def _dated(body: Body, context: RequestContext) -> Record:
    now = iso(context.now)
    return {**body.model_dump(), "created_at": now, "updated_at": now}


def _find_policy(context: RequestContext, organization: str) -> Record:
    tool = canonical_tool(context.path["tool_name"])
    policy = context.store.tool_policies.get(organization, tool)
    if policy is None:
        raise not_found("tool_name", "policy for the tool", tool)
    return policy


def _with_known_tool(context: RequestContext, body: _ToolT) -> _ToolT:
    """Return the body with the name of its tool in the spelling of the catalog; refuse an unknown tool."""
    tool = find_tool(context.environment.handlers, body.tool_name)
    if tool is None:
        raise invalid(Detail("tool_name", f"There is no tool {body.tool_name!r}; GET /tools lists the tools."))
    return body.model_copy(update={"tool_name": tool["name"]})


ENDPOINTS = [
    ("GET", "/organizations/{organization_id}/tool-policies", list_policies),
    ("POST", "/organizations/{organization_id}/tool-policies", create_policy),
    ("PATCH", "/organizations/{organization_id}/tool-policies/{tool_name}", update_policy),
    ("DELETE", "/organizations/{organization_id}/tool-policies/{tool_name}", delete_policy),
    ("GET", "/organizations/{organization_id}/role-policy-overrides", list_role_overrides),
    ("POST", "/organizations/{organization_id}/role-policy-overrides", create_role_override),
]
PERMISSIONS: Final[dict[tuple[str, str], KeyRole]] = {
    ("POST", "/organizations/{organization_id}/tool-policies"): "admin",
    ("PATCH", "/organizations/{organization_id}/tool-policies/{tool_name}"): "admin",
    ("DELETE", "/organizations/{organization_id}/tool-policies/{tool_name}"): "admin",
    ("POST", "/organizations/{organization_id}/role-policy-overrides"): "admin",
}
