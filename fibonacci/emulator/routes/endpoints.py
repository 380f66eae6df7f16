"""All endpoints and the roles that may use them, from the tables at the end of each file of routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.context import Handler
from fibonacci.emulator.routes import (
    api_0_2,
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
    *workflows.ENDPOINTS,
    *executions.ENDPOINTS,
    *versions.ENDPOINTS,
    *registry.ENDPOINTS,
    *governance.ENDPOINTS,
    *quota.ENDPOINTS,
    *tool_policies.ENDPOINTS,
    *memory.ENDPOINTS,
    *tools.ENDPOINTS,
    *health.ENDPOINTS,
]

PERMISSIONS: Final[Mapping[tuple[str, str], KeyRole]] = {
    **versions.PERMISSIONS,
    **registry.PERMISSIONS,
    **governance.PERMISSIONS,
    **quota.PERMISSIONS,
    **tool_policies.PERMISSIONS,
}
"""The lowest role that may use an endpoint. Of the others, viewers may use `GET` and members the rest.

The documentation has those of versions, governance and quota; the others are the emulator's choice.
"""


def lowest_role(method: str, template: str) -> KeyRole:
    """Return the lowest role that may use an endpoint."""
    is_read = method == "GET" or (method, template) in api_0_2.READS
    return PERMISSIONS.get((method, template), "viewer" if is_read else "member")


_WITHOUT_BODY: Final = frozenset(
    {
        "/executions/{execution_id}/cancel",
        "/workflow-registry/{workflow_id}/approve-template",
        "/workflow-registry/{workflow_id}/archive",
        "/workflow-registry/{workflow_id}/deprecate",
        "/workflows/{workflow_id}/versions/{version}/rollback",
    }
)


def has_body(method: str, template: str) -> bool:
    """Return whether an endpoint reads a body."""
    return method not in ("GET", "DELETE") and template not in _WITHOUT_BODY
