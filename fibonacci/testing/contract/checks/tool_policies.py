"""Tool policies and role overrides."""

from __future__ import annotations

from typing import Final

from fibonacci import ConflictError
from fibonacci.testing.contract.check import Checks, Skipped, agree, among, require
from fibonacci.testing.contract.checks.common import UNKNOWN, not_found, refused
from fibonacci.testing.contract.server import Server

CHECKS: Final = Checks()


def _free_tool(server: Server) -> str:
    """Return a tool without a policy; the policy that the check makes is deleted."""
    policies = server.client.organizations.tool_policies
    taken = {policy.tool_name for policy in policies.list(server.organization)}
    for tool in server.client.tools.list():
        if tool.name not in taken:
            server.afterwards(policies.delete, server.organization, tool.name)
            return tool.name
    raise Skipped("every tool has a policy")


@CHECKS.choice("POST /organizations/{org}/tool-policies", changes=True)
def created(server: Server) -> None:
    """Check that the body is tool_name, enabled, allowed_roles; the response has them."""
    tool = _free_tool(server)
    policy = server.client.organizations.tool_policies.create(
        server.organization, tool_name=tool, enabled=True, allowed_roles=["owner", "admin"]
    )
    found = (policy.tool_name, policy.enabled, policy.allowed_roles)
    agree(found, (tool, True, ["owner", "admin"]), "it")


@CHECKS.documented("GET /organizations/{org}/tool-policies", changes=True)
def listed(server: Server) -> None:
    """Check that a new policy is in the list."""
    policies, tool = server.client.organizations.tool_policies, _free_tool(server)
    policies.create(server.organization, tool_name=tool)
    among(tool, [policy.tool_name for policy in policies.list(server.organization)], "the tool")


@CHECKS.documented("POST /organizations/{org}/tool-policies", changes=True)
def unknown_tool(server: Server) -> None:
    """Check that an unknown tool is refused with 422, with a hint to GET /tools."""
    error = refused(server.raw("POST", server.path("tool-policies"), json_body={"tool_name": UNKNOWN}), 422)
    require("GET /tools" in str(error), f"there is no hint to GET /tools: {error}")


@CHECKS.choice("PATCH /organizations/{org}/tool-policies/{tool}", changes=True)
def updated(server: Server) -> None:
    """Check that what is given is changed; what is not given stays."""
    policies, tool = server.client.organizations.tool_policies, _free_tool(server)
    policies.create(server.organization, tool_name=tool, enabled=True, allowed_roles=["owner"])
    policy = policies.update(server.organization, tool, enabled=False)
    agree((policy.enabled, policy.allowed_roles), (False, ["owner"]), "enabled and allowed_roles")


@CHECKS.choice("PATCH /organizations/{org}/tool-policies/{tool}", changes=True)
def update_unknown(server: Server) -> None:
    """Check that a tool without a policy gets a 404."""
    not_found(lambda: server.client.organizations.tool_policies.update(server.organization, UNKNOWN, enabled=True))


@CHECKS.documented("DELETE /organizations/{org}/tool-policies/{tool}", changes=True)
def deleted(server: Server) -> None:
    """Check that a deleted policy is not in the list."""
    policies, tool = server.client.organizations.tool_policies, _free_tool(server)
    policies.create(server.organization, tool_name=tool)
    policies.delete(server.organization, tool)
    left = [policy.tool_name for policy in policies.list(server.organization)]
    require(tool not in left, "it is still in the list")


@CHECKS.choice("POST /organizations/{org}/role-policy-overrides", changes=True)
def override(server: Server) -> None:
    """Check that the body is role, tool_name, enabled; the response has them; an override of the owner stays."""
    policies = server.client.organizations.tool_policies
    tool = server.client.tools.list().first()
    if tool is None:
        raise Skipped("the catalogue is empty")
    try:
        made = policies.create_role_override(server.organization, role="owner", tool_name=tool.name, enabled=True)
    except ConflictError:
        raise Skipped("there is one already, from an earlier run") from None
    agree((made.role, made.tool_name, made.enabled), ("owner", tool.name, True), "it")
    found = [(each.role, each.tool_name) for each in policies.list_role_overrides(server.organization)]
    among(("owner", tool.name), found, "the override")


@CHECKS.documented("POST /organizations/{org}/role-policy-overrides", changes=True)
def override_of_unknown_tool(server: Server) -> None:
    """Check that an unknown tool is refused with 422."""
    body = {"role": "owner", "tool_name": UNKNOWN, "enabled": True}
    refused(server.raw("POST", server.path("role-policy-overrides"), json_body=body), 422)
