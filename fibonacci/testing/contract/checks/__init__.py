"""All checks, a file for each resource."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Check
from fibonacci.testing.contract.checks import (
    basics,
    executions,
    governance,
    health,
    memory,
    paging,
    quota,
    registry,
    tool_policies,
    tools,
    versions,
    workflows,
)

ALL: Final[list[Check]] = [
    *basics.CHECKS,
    *health.CHECKS,
    *tools.CHECKS,
    *workflows.CHECKS,
    *executions.CHECKS,
    *versions.CHECKS,
    *registry.CHECKS,
    *paging.CHECKS,
    *memory.CHECKS,
    *governance.CHECKS,
    *quota.CHECKS,
    *tool_policies.CHECKS,
]
