"""The table of all endpoints, and the table of the roles that may use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.account.auth import KeyRole
from fibonacci.emulator.context import Handler
from fibonacci.emulator.routes import (
    executions,
    governance,
    health,
    memory,
    quota,
    registry,
    tool_policies,
    tools,
    versions,
    workflows,
)

ENDPOINTS: Final[list[tuple[str, str, Handler]]] = [
    ("GET", "/workflows", workflows.list_workflows),
    ("POST", "/workflows", workflows.create_workflow),
    ("GET", "/workflows/{workflow_id}", workflows.get_workflow),
    ("PUT", "/workflows/{workflow_id}", workflows.update_workflow),
    ("DELETE", "/workflows/{workflow_id}", workflows.delete_workflow),
    ("POST", "/workflows/{workflow_id}/execute", workflows.execute_workflow),
    ("GET", "/executions/{execution_id}", executions.get_execution),
    ("GET", "/executions", executions.list_executions),
    ("POST", "/executions/{execution_id}/cancel", executions.cancel_execution),
    ("GET", "/workflows/{workflow_id}/versions", versions.list_versions),
    ("GET", "/workflows/{workflow_id}/versions/{version}", versions.get_version),
    ("POST", "/workflows/{workflow_id}/versions/{version}/rollback", versions.rollback),
    ("POST", "/workflow-registry/{workflow_id}/approve-template", registry.approve_template),
    ("POST", "/workflow-registry/{workflow_id}/deprecate", registry.deprecate),
    ("POST", "/workflow-registry/{workflow_id}/archive", registry.archive),
    ("GET", "/workflow-registry", registry.list_registry),
    ("GET", "/organizations/{organization_id}/governance", governance.get_settings),
    ("PATCH", "/organizations/{organization_id}/governance", governance.update_settings),
    ("GET", "/organizations/{organization_id}/governance/report", governance.report),
    ("GET", "/organizations/{organization_id}/governance/audit", governance.audit_log),
    ("GET", "/organizations/{organization_id}/governance/approvals", governance.approvals),
    ("GET", "/organizations/{organization_id}/quota", quota.get_quota),
    ("PATCH", "/organizations/{organization_id}/quota", quota.update_quota),
    ("GET", "/organizations/{organization_id}/tool-policies", tool_policies.list_policies),
    ("POST", "/organizations/{organization_id}/tool-policies", tool_policies.create_policy),
    ("PATCH", "/organizations/{organization_id}/tool-policies/{tool_name}", tool_policies.update_policy),
    ("DELETE", "/organizations/{organization_id}/tool-policies/{tool_name}", tool_policies.delete_policy),
    ("GET", "/organizations/{organization_id}/role-policy-overrides", tool_policies.list_role_overrides),
    ("POST", "/organizations/{organization_id}/role-policy-overrides", tool_policies.create_role_override),
    ("GET", "/memory/{key}", memory.get_memory),
    ("PUT", "/memory/{key}", memory.set_memory),
    ("DELETE", "/memory/{key}", memory.delete_memory),
    ("GET", "/tools", tools.list_tools),
    ("GET", "/tools/{tool_name}", tools.get_tool),
    ("POST", "/tools/{tool_name}/connect", tools.connect_tool),
    ("GET", "/health", health.health),
    ("GET", "/health/secrets", health.secrets_health),
]

PERMISSIONS: Final[Mapping[tuple[str, str], KeyRole]] = {
    ("GET", "/workflows/{workflow_id}/versions/{version}"): "admin",
    ("POST", "/workflows/{workflow_id}/versions/{version}/rollback"): "admin",
    ("POST", "/workflow-registry/{workflow_id}/approve-template"): "admin",
    ("POST", "/workflow-registry/{workflow_id}/deprecate"): "admin",
    ("POST", "/workflow-registry/{workflow_id}/archive"): "admin",
    ("PATCH", "/organizations/{organization_id}/governance"): "owner",
    ("PATCH", "/organizations/{organization_id}/quota"): "owner",
    ("POST", "/organizations/{organization_id}/tool-policies"): "admin",
    ("PATCH", "/organizations/{organization_id}/tool-policies/{tool_name}"): "admin",
    ("DELETE", "/organizations/{organization_id}/tool-policies/{tool_name}"): "admin",
    ("POST", "/organizations/{organization_id}/role-policy-overrides"): "admin",
}
"""The lowest role that may use an endpoint. Of the others, viewers may use `GET` and members the rest.

The documentation has those of versions, governance and quota; the others are the emulator's choice.
"""


def lowest_role(method: str, template: str) -> KeyRole:
    """Return the lowest role that may use an endpoint."""
    return PERMISSIONS.get((method, template), "viewer" if method == "GET" else "member")
