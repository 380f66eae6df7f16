"""All checks, a file for each subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tests.contract.suite.check import Check
from tests.contract.suite.checks import (
    api_0_2,
    every_endpoint,
    executions,
    lives,
    organizations,
    paging,
    runs,
    workflows,
)

ALL: Final[list[Check]] = [
    *every_endpoint.BASICS,
    *organizations.TOOL_POLICIES,  # before those that create the same overrides, which cannot be deleted
    *every_endpoint.EVERY_ENDPOINT,
    *every_endpoint.REFUSALS,
    *every_endpoint.HEALTH,
    *executions.TOOLS,
    *workflows.WORKFLOWS,
    *workflows.DEFINITIONS,
    *executions.EXECUTIONS,
    *runs.CHECKS,
    *lives.CHECKS,
    *organizations.GOVERNANCE,
    *organizations.QUOTA,
    *organizations.ROLES,
    *paging.CHECKS,
]
"""Those of the documented API."""

CHECKS: Final[Mapping[str, Sequence[Check]]] = {"v1": ALL, "0.2": [*ALL, *api_0_2.CHECKS]}
"""Those of each API. What the client alone needs is checked in both."""
