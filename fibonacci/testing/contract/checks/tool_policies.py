"""Tool policies and role overrides."""

from __future__ import annotations

from typing import Final

from fibonacci import ConflictError
from fibonacci.testing.contract.calls import free_tool
from fibonacci.testing.contract.check import (
    UNKNOWN,
    Checks,
    require,
    require_among,
    require_equal,
    require_field,
    require_refusal,
)
from fibonacci.testing.contract.server import Server, Skipped

CHECKS: Final = Checks("tool_policies")


@CHECKS.choice(
    "POST /organizations/{organization_id}/tool-policies",
    "The body has tool_name, enabled and allowed_roles, and so does the response",
    changes=True,
)
def _created(server: Server) -> None:
    tool = free_tool(server)
    policy = server.client.organizations.tool_policies.create(
        server.organization_id, tool_name=tool, enabled=True, allowed_roles=["owner", "admin"]
    )
    fields = (policy.tool_name, policy.enabled, policy.allowed_roles)
    require_equal(fields, (tool, True, ["owner", "admin"]), "it")


@CHECKS.documented("GET /organizations/{organization_id}/tool-policies", "A new policy is in the list", changes=True)
def _listed(server: Server) -> None:
    policies, tool = server.client.organizations.tool_policies, free_tool(server)
    policies.create(server.organization_id, tool_name=tool)
    require_among(tool, [policy.tool_name for policy in policies.list(server.organization_id)], "the tool")


@CHECKS.documented(
    "POST /organizations/{organization_id}/tool-policies",
    "An unknown tool is refused with 422, with a hint to GET /tools",
    changes=True,
)
def _unknown_tool(server: Server) -> None:
    error = require_refusal(server.raw("POST", server.path("tool-policies"), json_body={"tool_name": UNKNOWN}), 422)
    require("GET /tools" in str(error), f"no hint to GET /tools: {error}")


@CHECKS.choice(
    "PATCH /organizations/{organization_id}/tool-policies/{tool_name}",
    "Fields in the body change, and other fields stay",
    changes=True,
)
def _updated(server: Server) -> None:
    policies, tool = server.client.organizations.tool_policies, free_tool(server)
    policies.create(server.organization_id, tool_name=tool, enabled=True, allowed_roles=["owner"])
    policy = policies.update(server.organization_id, tool, enabled=False)
    require_equal((policy.enabled, policy.allowed_roles), (False, ["owner"]), "enabled and allowed_roles")
    policy = policies.update(server.organization_id, tool, allowed_roles=["owner", "admin"])
    require_equal((policy.enabled, policy.allowed_roles), (False, ["owner", "admin"]), "enabled and allowed_roles")


@CHECKS.choice("POST /organizations/{organization_id}/tool-policies", "A policy can be created disabled", changes=True)
def _created_disabled(server: Server) -> None:
    policies, tool = server.client.organizations.tool_policies, free_tool(server)
    policies.create(server.organization_id, tool_name=tool, enabled=False, allowed_roles=["owner"])
    listed = [policy for policy in policies.list(server.organization_id) if policy.tool_name == tool]
    require_equal([(item.enabled, item.allowed_roles) for item in listed], [(False, ["owner"])], "what is in the list")


@CHECKS.documented(
    "DELETE /organizations/{organization_id}/tool-policies/{tool_name}",
    "A deleted policy is not in the list",
    changes=True,
)
def _deleted(server: Server) -> None:
    policies, tool = server.client.organizations.tool_policies, free_tool(server)
    policies.create(server.organization_id, tool_name=tool)
    policies.delete(server.organization_id, tool)
    left = [policy.tool_name for policy in policies.list(server.organization_id)]
    require(tool not in left, "it is still in the list")


@CHECKS.choice(
    "POST /organizations/{organization_id}/role-policy-overrides",
    "The body has role, tool_name and enabled, and so does the response. The override stays, and a second one is "
    "refused with 409",
    changes=True,
)
def _override(server: Server) -> None:
    policies = server.client.organizations.tool_policies
    tool = server.client.tools.list().first()
    if tool is None:
        raise Skipped("the catalog is empty")
    try:
        made = policies.create_role_override(server.organization_id, role="owner", tool_name=tool.name, enabled=True)
    except ConflictError:
        raise Skipped("one already exists, from an earlier run") from None
    require_equal((made.role, made.tool_name, made.enabled), ("owner", tool.name, True), "it")
    overrides = [
        (override.role, override.tool_name) for override in policies.list_role_overrides(server.organization_id)
    ]
    require_among(("owner", tool.name), overrides, "the override")
    body = {"role": "owner", "tool_name": tool.name.replace("_", ".", 1), "enabled": False}
    second = server.raw("POST", server.path("role-policy-overrides"), json_body=body)
    require_field(require_refusal(second, 409), "tool_name")


@CHECKS.documented(
    "POST /organizations/{organization_id}/role-policy-overrides", "An unknown tool is refused with 422", changes=True
)
def _override_of_unknown_tool(server: Server) -> None:
    body = {"role": "owner", "tool_name": UNKNOWN, "enabled": True}
    require_refusal(server.raw("POST", server.path("role-policy-overrides"), json_body=body), 422)
