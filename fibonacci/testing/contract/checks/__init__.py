"""All checks, a file for each resource."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Check
from fibonacci.testing.contract.checks import (
    basics,
    comparisons,
    definitions,
    every_endpoint,
    executions,
    governance,
    health,
    memory,
    paging,
    quota,
    refusals,
    registry,
    roles,
    tool_policies,
    tools,
    versions,
    workflows,
)

ALL: Final[list[Check]] = [
    *basics.CHECKS,
    *tool_policies.CHECKS,  # before those that create the same overrides, which cannot be deleted
    *every_endpoint.CHECKS,
    *refusals.CHECKS,
    *health.CHECKS,
    *tools.CHECKS,
    *workflows.CHECKS,
    *definitions.CHECKS,
    *comparisons.CHECKS,
    *executions.CHECKS,
    *versions.CHECKS,
    *registry.CHECKS,
    *memory.CHECKS,
    *governance.CHECKS,
    *quota.CHECKS,
    *roles.CHECKS,
    *paging.CHECKS,
]
