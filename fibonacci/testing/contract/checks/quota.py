"""Quotas."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, require_equal, require_type
from fibonacci.testing.contract.checks.common import require_bare, require_refusal
from fibonacci.testing.contract.server import Server

NAMES: Final = ("workflow_runs_per_hour", "concurrent_executions", "memory_mb")

CHECKS: Final = Checks()


@CHECKS.documented("GET /organizations/{org}/quota", "The quota is a bare object: plan, limits, overrides, effective")
def _fields(server: Server) -> None:
    content = require_bare(server.raw("GET", server.path("quota")), "plan", "limits", "overrides", "effective")
    require_type(content["plan"], str, "plan")
    for part in ("limits", "effective"):
        require_equal(sorted(content[part]), sorted(NAMES), f"what {part} holds")


@CHECKS.documented("GET /organizations/{org}/quota", "What is effective is the override, else the limit")
def _effective(server: Server) -> None:
    quota = server.client.organizations.quota.get(server.organization)
    given = {name: value for name, value in quota.overrides.items() if value is not None}
    require_equal(quota.effective, quota.limits | given, "effective")


@CHECKS.documented("PATCH /organizations/{org}/quota", "An override is effective", changes=True)
def _overridden(server: Server) -> None:
    quotas = server.client.organizations.quota
    before = quotas.get(server.organization)
    server.add_cleanup(quotas.update, server.organization, memory_mb=before.overrides.get("memory_mb"))
    lower = int(before.effective["memory_mb"] or 2) - 1
    require_equal(
        quotas.update(server.organization, memory_mb=lower).effective.get("memory_mb"), lower, "effective.memory_mb"
    )


@CHECKS.choice("PATCH /organizations/{org}/quota", "The body is flat; null takes an override back", changes=True)
def _taken_back(server: Server) -> None:
    quotas = server.client.organizations.quota
    before = quotas.get(server.organization)
    server.add_cleanup(quotas.update, server.organization, memory_mb=before.overrides.get("memory_mb"))
    quotas.update(server.organization, memory_mb=int(before.effective["memory_mb"] or 2) - 1)
    after = quotas.update(server.organization, memory_mb=None)
    require_equal(after.effective.get("memory_mb"), after.limits.get("memory_mb"), "effective.memory_mb")


@CHECKS.documented("PATCH /organizations/{org}/quota", "An override over the ceiling is refused with 422", changes=True)
def _ceilings(server: Server) -> None:
    require_refusal(server.raw("PATCH", server.path("quota"), json_body={"memory_mb": 10**15}), 422)
