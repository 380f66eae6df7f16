"""Which tools an organization allows, for which roles, and the exceptions for single roles."""

from __future__ import annotations

from typing import Final, Literal

from fibonacci.emulator.body import Body, read
from fibonacci.emulator.call import Call
from fibonacci.emulator.catalogue import TOOLS
from fibonacci.emulator.clock import iso
from fibonacci.emulator.envelope import Reply, created, no_content
from fibonacci.emulator.errors import Detail, conflict, invalid, not_found
from fibonacci.emulator.paging import paged
from fibonacci.emulator.routes.organizations import audit, organization_of
from fibonacci.emulator.store import Record

Role = Literal["owner", "admin", "member", "viewer"]

EVERYBODY: Final[list[Role]] = ["owner", "admin", "member", "viewer"]


class PolicyCreate(Body):
    """The body of creating a policy."""

    tool_name: str
    enabled: bool = True
    allowed_roles: list[Role] = EVERYBODY


class PolicyUpdate(Body):
    """The body of changing a policy; what is not given stays."""

    enabled: bool = True
    allowed_roles: list[Role] = EVERYBODY


class RoleOverrideCreate(Body):
    """The body of creating an exception for a role."""

    role: Role
    tool_name: str
    enabled: bool = True


def list_policies(call: Call) -> Reply:
    """GET /organizations/{organization_id}/tool-policies."""
    organization = organization_of(call)
    return paged(call.store.tool_policies.rows(organization), call.query, kind=f"tool policies of {organization}")


def create_policy(call: Call) -> Reply:
    """POST /organizations/{organization_id}/tool-policies."""
    organization = organization_of(call)
    body = read(PolicyCreate, call.body)
    _check_tool(body.tool_name)
    if call.store.tool_policies.get(organization, body.tool_name):
        raise conflict("tool_name", f"There is a policy for the tool {body.tool_name!r} already; change it with PATCH.")
    policy = _dated(body, call)
    call.store.tool_policies.put(organization, body.tool_name, record=policy)
    audit(call, "tool_policy.created", f"tool-policies/{body.tool_name}", {}, body.model_dump())
    return created(policy)


def update_policy(call: Call) -> Reply:
    """PATCH /organizations/{organization_id}/tool-policies/{tool_name}."""
    organization = organization_of(call)
    before = _find_policy(call, organization)
    given = read(PolicyUpdate, call.body).model_dump(exclude_unset=True)
    after = before | given
    if after != before:
        audit(call, "tool_policy.updated", f"tool-policies/{before['tool_name']}", before, after)
        after["updated_at"] = iso(call.now)
        call.store.tool_policies.put(organization, before["tool_name"], record=after)
    return Reply(after)


def delete_policy(call: Call) -> Reply:
    """DELETE /organizations/{organization_id}/tool-policies/{tool_name}."""
    organization = organization_of(call)
    policy = _find_policy(call, organization)
    call.store.tool_policies.delete(organization, policy["tool_name"])
    settings = {name: policy[name] for name in PolicyCreate.model_fields}
    audit(call, "tool_policy.deleted", f"tool-policies/{policy['tool_name']}", settings, {})
    return no_content()


def list_role_overrides(call: Call) -> Reply:
    """GET /organizations/{organization_id}/role-policy-overrides."""
    organization = organization_of(call)
    return paged(call.store.role_overrides.rows(organization), call.query, kind=f"role overrides of {organization}")


def create_role_override(call: Call) -> Reply:
    """POST /organizations/{organization_id}/role-policy-overrides."""
    organization = organization_of(call)
    body = read(RoleOverrideCreate, call.body)
    _check_tool(body.tool_name)
    if call.store.role_overrides.get(organization, body.role, body.tool_name):
        raise conflict(
            "tool_name", f"There is an override for the role {body.role} and the tool {body.tool_name!r} already."
        )
    override = _dated(body, call)
    call.store.role_overrides.put(organization, body.role, body.tool_name, record=override)
    audit(call, "role_override.created", f"role-policy-overrides/{body.role}/{body.tool_name}", {}, body.model_dump())
    return created(override)


def _dated(body: Body, call: Call) -> Record:
    now = iso(call.now)
    return {**body.model_dump(), "created_at": now, "updated_at": now}


def _find_policy(call: Call, organization: str) -> Record:
    tool = call.path["tool_name"]
    policy = call.store.tool_policies.get(organization, tool)
    if policy is None:
        raise not_found("tool_name", "policy for the tool", tool)
    return policy


def _check_tool(name: str) -> None:
    if name not in TOOLS:
        raise invalid(Detail("tool_name", f"There is no tool {name!r}; GET /tools lists the tools."))


ENDPOINTS = [
    ("GET", "/organizations/{organization_id}/tool-policies", list_policies),
    ("POST", "/organizations/{organization_id}/tool-policies", create_policy),
    ("PATCH", "/organizations/{organization_id}/tool-policies/{tool_name}", update_policy),
    ("DELETE", "/organizations/{organization_id}/tool-policies/{tool_name}", delete_policy),
    ("GET", "/organizations/{organization_id}/role-policy-overrides", list_role_overrides),
    ("POST", "/organizations/{organization_id}/role-policy-overrides", create_role_override),
]
PERMISSIONS: Final[dict[tuple[str, str], Role]] = {
    ("POST", "/organizations/{organization_id}/tool-policies"): "admin",
    ("PATCH", "/organizations/{organization_id}/tool-policies/{tool_name}"): "admin",
    ("DELETE", "/organizations/{organization_id}/tool-policies/{tool_name}"): "admin",
    ("POST", "/organizations/{organization_id}/role-policy-overrides"): "admin",
}
