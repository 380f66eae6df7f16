"""One file per resource: its endpoints, and who may use them. Here the tables of all files are one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.call import Handler
from fibonacci.emulator.keys import Role
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

PERMISSIONS: Final[Mapping[tuple[str, str], Role]] = {
    **versions.PERMISSIONS,
    **registry.PERMISSIONS,
    **governance.PERMISSIONS,
    **quota.PERMISSIONS,
    **tool_policies.PERMISSIONS,
}
"""The lowest role that may use an endpoint. Of those not named here, everybody may read, and members may do the rest.

Documented are those of versions, governance and quota; the others are choices.
"""


def lowest_role(method: str, template: str) -> Role:
    """Return the lowest role that may use an endpoint."""
    return PERMISSIONS.get((method, template), "viewer" if method == "GET" else "member")
