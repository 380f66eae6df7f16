"""Roles: members may list the versions of a workflow, admins read and restore them, owners change settings."""

from __future__ import annotations

import itertools
from typing import Final

from fibonacci.testing.contract.calls import change_settings, first_version, free_tool, new_workflow
from fibonacci.testing.contract.check import Checks, require, require_among, require_equal
from fibonacci.testing.contract.checks.common import require_refusal
from fibonacci.testing.contract.server import Server

NEVER: Final = {"field": "a", "operator": "equals", "value": "b"}
"""A condition that does not hold, so that its node never runs."""

CHECKS: Final = Checks()


@CHECKS.documented("GET /workflows/{id}/versions", "A member may list the versions", changes=True)
def _member_lists(server: Server) -> None:
    member = server.authorization_of("member")
    path = f"/workflows/{new_workflow(server)}/versions"
    require_equal(server.raw("GET", path, authorization=member).status, 200, "the status")


@CHECKS.documented("GET /workflows/{id}/versions/{version}", "An admin may read a version", changes=True)
def _admin_reads(server: Server) -> None:
    admin = server.authorization_of("admin")
    require_equal(server.raw("GET", first_version(server), authorization=admin).status, 200, "the status")


@CHECKS.documented("GET /workflows/{id}/versions/{version}", "A member may not read a version", changes=True)
def _member_reads(server: Server) -> None:
    require_refusal(server.raw("GET", first_version(server), authorization=server.authorization_of("member")), 403)


@CHECKS.documented("POST /workflows/{id}/versions/{version}/rollback", "An admin may roll back", changes=True)
def _admin_rolls_back(server: Server) -> None:
    admin = server.authorization_of("admin")
    status = server.raw("POST", f"{first_version(server)}/rollback", authorization=admin).status
    require_among(status, (200, 201), "the status")


@CHECKS.documented("POST /workflows/{id}/versions/{version}/rollback", "A member may not roll back", changes=True)
def _member_rolls_back(server: Server) -> None:
    member = server.authorization_of("member")
    require_refusal(server.raw("POST", f"{first_version(server)}/rollback", authorization=member), 403)


@CHECKS.documented(
    "PATCH /organizations/{organization_id}/governance", "An admin may not change the settings", changes=True
)
def _admin_changes_settings(server: Server) -> None:
    admin = server.authorization_of("admin")
    body = {"approval_threshold": change_settings(server)}
    require_refusal(server.raw("PATCH", server.path("governance"), json_body=body, authorization=admin), 403)


@CHECKS.documented("PATCH /organizations/{organization_id}/quota", "An admin may not change the quota", changes=True)
def _admin_changes_the_quota(server: Server) -> None:
    admin = server.authorization_of("admin")
    body = {"memory_mb": server.client.organizations.quota.get(server.organization_id).overrides.get("memory_mb")}
    require_refusal(server.raw("PATCH", server.path("quota"), json_body=body, authorization=admin), 403)


@CHECKS.choice(
    "POST /workflows/{id}/execute",
    "A tool policy refuses the run of a role that it does not name",
    changes=True,
)
def _policy_applies(server: Server) -> None:
    member = server.authorization_of("member")
    tool = free_tool(server)
    server.client.organizations.tool_policies.create(
        server.organization_id, tool_name=tool, enabled=True, allowed_roles=["owner"]
    )
    node = {"id": "use", "type": "tool", "tool": tool, "condition": NEVER}
    path = f"/workflows/{server.create_workflow(definition={'nodes': [node]}).id}/execute"
    require_refusal(server.raw("POST", path, json_body={}, authorization=member), 403)


@CHECKS.choice("GET /tools", "All keys of an organization share its rate limit")
def _share_the_limit(server: Server) -> None:
    member = server.authorization_of("member")
    seen: list[tuple[int, ...]] = []
    for authorization in ("", member, "", member):
        headers = server.raw("GET", "/tools", authorization=authorization).headers
        seen.append(tuple(int(headers[f"x-ratelimit-{name}"]) for name in ("remaining", "limit", "reset")))
    for (before, *window), (after, *same) in itertools.pairwise(seen):
        require(after < before or window != same, f"{before} requests are left to one key, then {after} to another")
