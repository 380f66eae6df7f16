"""All checks, a file for each resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fibonacci.testing.contract.check import Check
from fibonacci.testing.contract.checks import (
    api_0_2,
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
"""Those of the documented API."""

CHECKS: Final[Mapping[str, Sequence[Check]]] = {"v1": ALL, "0.2": [*ALL, *api_0_2.CHECKS]}
"""Those of each API. What the client alone needs is checked in both."""
