"""Quotas."""

from __future__ import annotations

from typing import Final

from fibonacci import QuotaExceededError
from fibonacci.testing.contract.calls import running
from fibonacci.testing.contract.check import Checks, require, require_equal, require_type
from fibonacci.testing.contract.checks.common import require_bare, require_refusal
from fibonacci.testing.contract.server import Disagreement, Server

DOCUMENTED_LIMITS: Final = {"free": (60, 1_000), "pro": (300, 50_000)}
"""The requests a minute and a day of the plans that have documented limits."""

NAMES: Final = ("workflow_runs_per_hour", "concurrent_executions", "memory_mb")

CHECKS: Final = Checks()


@CHECKS.documented(
    "GET /organizations/{organization_id}/quota", "The quota is a bare object: plan, limits, overrides, effective"
)
def _fields(server: Server) -> None:
    content = require_bare(server.raw("GET", server.path("quota")), "plan", "limits", "overrides", "effective")
    require_type(content["plan"], str, "plan")
    for part in ("limits", "effective"):
        require_equal(sorted(content[part]), sorted(NAMES), f"what {part} holds")


@CHECKS.documented("GET /organizations/{organization_id}/quota", "What is effective is the override, else the limit")
def _effective(server: Server) -> None:
    quota = server.client.organizations.quota.get(server.organization_id)
    given = {name: value for name, value in quota.overrides.items() if value is not None}
    require_equal(quota.effective, quota.limits | given, "effective")


@CHECKS.documented(
    "PATCH /organizations/{organization_id}/quota",
    "An override is effective and stays; the others stay as they are",
    changes=True,
)
def _overridden(server: Server) -> None:
    path = server.path("quota")
    quota = server.raw("GET", path).json
    effective = quota["effective"]
    server.add_cleanup(server.raw, "PATCH", path, json_body={name: quota["overrides"].get(name) for name in NAMES})
    for name in NAMES:
        effective = {**effective, name: max(1, int(effective[name] or 2) - 1)}
        changed = server.raw("PATCH", path, json_body={name: effective[name]}).json
        require_equal(changed["effective"], effective, f"effective in the response to overriding {name}")
        after = server.raw("GET", path).json
        require_equal(changed, after, f"the response to overriding {name}")
        require_equal(after["effective"], effective, f"effective that is read after {name} was overridden")
        require_equal(after["overrides"].get(name), effective[name], f"overrides.{name}")
        require_equal((after["plan"], after["limits"]), (quota["plan"], quota["limits"]), "plan and limits")


@CHECKS.choice(
    "PATCH /organizations/{organization_id}/quota", "The body is flat; null takes an override back", changes=True
)
def _taken_back(server: Server) -> None:
    quotas = server.client.organizations.quota
    before = quotas.get(server.organization_id)
    server.add_cleanup(quotas.update, server.organization_id, memory_mb=before.overrides.get("memory_mb"))
    quotas.update(server.organization_id, memory_mb=int(before.effective["memory_mb"] or 2) - 1)
    quotas.update(server.organization_id, memory_mb=None)
    after = quotas.get(server.organization_id)
    require_equal(after.effective.get("memory_mb"), after.limits.get("memory_mb"), "effective.memory_mb")


@CHECKS.documented(
    "PATCH /organizations/{organization_id}/quota", "An override over the ceiling is refused with 422", changes=True
)
def _ceilings(server: Server) -> None:
    overrides = server.client.organizations.quota.get(server.organization_id).overrides
    for name in NAMES:
        server.add_cleanup(
            server.client.organizations.quota.update, server.organization_id, **{name: overrides.get(name)}
        )
        require_refusal(server.raw("PATCH", server.path("quota"), json_body={name: 10**15}), 422)


@CHECKS.documented(
    "GET /organizations/{organization_id}/quota", "X-RateLimit-Limit is that of the plan, a minute or a day"
)
def _plan_limit(server: Server) -> None:
    response = server.raw("GET", server.path("quota"))
    plan, limit = response.json["plan"], response.headers.get("x-ratelimit-limit", "")
    expected = DOCUMENTED_LIMITS.get(plan)
    require(expected is None or limit in map(str, expected), f"X-RateLimit-Limit is {limit}, and the plan {plan}")


@CHECKS.choice(
    "POST /workflows/{id}/execute", "A run beyond workflow_runs_per_hour is a 429 that is no rate limit", changes=True
)
def _runs_an_hour(server: Server) -> None:
    quotas = server.client.organizations.quota
    override = quotas.get(server.organization_id).overrides.get("workflow_runs_per_hour")
    server.run_workflow()
    server.add_cleanup(quotas.update, server.organization_id, workflow_runs_per_hour=override)
    quotas.update(server.organization_id, workflow_runs_per_hour=1)
    try:
        server.run_workflow()
    except QuotaExceededError:
        return
    raise Disagreement("a second run in the hour is carried out, though the quota is one")


@CHECKS.choice(
    "POST /workflows/{id}/execute", "A run beyond concurrent_executions is a 429 that is no rate limit", changes=True
)
def _concurrent_runs(server: Server) -> None:
    quotas = server.client.organizations.quota
    override = quotas.get(server.organization_id).overrides.get("concurrent_executions")
    server.add_cleanup(server.client.executions.cancel, running(server))
    server.add_cleanup(quotas.update, server.organization_id, concurrent_executions=override)
    quotas.update(server.organization_id, concurrent_executions=1)
    try:
        server.run_workflow()
    except QuotaExceededError:
        return
    raise Disagreement("a second run is carried out beside one that runs, though the quota is one")
