"""Organizations: governance, quotas, tool policies, role overrides, and what the roles of keys permit."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

from fibonacci import ConflictError, QuotaExceededError
from fibonacci._core.json_bodies import is_array, is_object
from tests.contract.suite.calls import (
    CALLS,
    OVERRIDDEN,
    ensure_overrides,
    free_tool,
    new_policy,
    override_of,
)
from tests.contract.suite.check import (
    UNKNOWN,
    CheckRun,
    Checks,
    audit_entries,
    items_of,
    named,
    newest_entry,
    require,
    require_among,
    require_bare,
    require_equal,
    require_field,
    require_refusal,
    require_type,
)
from tests.contract.suite.checks.executions import NEVER, with_settings
from tests.contract.suite.checks.lives import data_of
from tests.contract.suite.checks.paging import find_item
from tests.contract.suite.checks.runs import require_running
from tests.contract.suite.server import Disagreement, NotHonored, Server, Skipped, require_tool, waits

BOOLEANS: Final = (
    "require_approval_for_external_comm",
    "require_approval_for_public_writes",
    "require_approval_for_permission_changes",
    "allow_self_approval",
)
SETTINGS: Final = (*BOOLEANS, "approval_threshold", "category_flags")

GOVERNANCE: Final = Checks("governance")


@GOVERNANCE.documented(
    "PATCH /organizations/{organization_id}/governance",
    "Fields in the body change, and other fields stay",
    changes=True,
)
def _updated(server: Server) -> None:
    path = server.path("governance")
    settings = _given(server.raw("GET", path).json)
    server.add_cleanup(server.raw, "PATCH", path, json_body=settings)
    for name, value in _others(settings).items():
        changed = server.raw("PATCH", path, json_body={name: value})
        settings = {**settings, name: value}
        require_equal(_given(changed.json), settings, f"the response to changing {name}")
        require_equal(_given(server.raw("GET", path).json), settings, f"what is read after {name} was changed")


def _given(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings without those that are null, which a request cannot give."""
    return {name: content[name] for name in SETTINGS if content.get(name) is not None}


def _others(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return another value of each setting."""
    flags = settings.get("category_flags") or {"financial": False}
    return {
        "approval_threshold": settings.get("approval_threshold", 0) + 1,
        "category_flags": {name: not flag for name, flag in flags.items()},
        **{name: not settings.get(name, False) for name in BOOLEANS},
    }


@GOVERNANCE.choice(
    "GET /organizations/{organization_id}/governance",
    "An id that no organization can have is refused with 404. A change in another organization changes nothing here",
    changes=True,
)
def _other_organizations(server: Server) -> None:
    own = [server.path(resource) for resource in ("governance", "quota")]
    for rest in (*own, *map(server.path, ("governance/audit", "tool-policies", "role-policy-overrides"))):
        path = rest.replace(server.organization_id, "%21", 1)
        require_field(require_refusal(server.raw("GET", path), 404), "organization_id")
    entries, before = audit_entries(server), [server.raw("GET", path).json for path in own]
    changes: list[dict[str, int]] = [{"approval_threshold": 98765}, {"concurrent_executions": 1}]
    for path, change in zip(own, changes, strict=True):
        foreign = path.replace(server.organization_id, UNKNOWN, 1)
        settings = server.raw("GET", foreign)
        if settings.status == 200:
            content = settings.json
            back = {name: content.get("overrides", content).get(name) for name in change}
            server.add_cleanup(server.raw, "PATCH", foreign, json_body=back)
        server.raw("PATCH", foreign, json_body=change)
    require_equal([server.raw("GET", path).json for path in own], before, "the key's own settings and quota")
    require_equal(audit_entries(server), entries, "the number of entries in its own log")


DOCUMENTED_LIMITS: Final = {"free": (60, 1_000), "pro": (300, 50_000)}
"""The requests a minute and a day of the plans that have documented limits."""

NAMES: Final = ("workflow_runs_per_hour", "concurrent_executions", "memory_mb")

QUOTA: Final = Checks("quota")


@QUOTA.documented(
    "PATCH /organizations/{organization_id}/quota",
    "The body is flat. An override takes effect, stays, and makes an entry in the audit log, and the others stay as "
    "they are. null removes it, and the limit of the plan is effective again",
    changes=True,
)
def _overridden(server: Server) -> None:
    path = server.path("quota")
    quota = require_bare(server.raw("GET", path), "plan", "limits", "overrides", "effective")
    require_type(quota["plan"], str, "plan")
    for part in ("limits", "effective"):
        require_equal(sorted(quota[part]), sorted(NAMES), f"what {part} holds")
    given = {name: value for name, value in quota["overrides"].items() if value is not None}
    effective = {**quota["limits"], **given}
    require_equal(quota["effective"], effective, "effective")
    server.add_cleanup(server.raw, "PATCH", path, json_body={name: quota["overrides"].get(name) for name in NAMES})
    for name in NAMES:
        for value in (max(1, int(effective[name] or 2) - 1), None):
            entry = newest_entry(server)
            changed = server.raw("PATCH", path, json_body={name: value}).json
            effective = {**effective, name: quota["limits"][name] if value is None else value}
            after = server.raw("GET", path).json
            require_equal(changed, after, f"the response to overriding {name} by {value}")
            require_equal(after["effective"], effective, f"effective after {name} was overridden by {value}")
            require_equal(after["overrides"].get(name), value, f"overrides.{name}")
            require_equal((after["plan"], after["limits"]), (quota["plan"], quota["limits"]), "plan and limits")
            require(
                newest_entry(server) != entry or value == given.get(name), "changing the quota made no entry in the log"
            )


@QUOTA.documented(
    "PATCH /organizations/{organization_id}/quota", "An override over the ceiling is refused with 422", changes=True
)
def _ceilings(server: Server) -> None:
    for name in NAMES:
        override_of(server, name)
        require_refusal(server.raw("PATCH", server.path("quota"), json_body={name: 10**15}), 422)


@QUOTA.documented(
    "GET /organizations/{organization_id}/quota", "X-RateLimit-Limit is that of the plan, a minute or a day"
)
def _plan_limit(server: Server) -> None:
    response = server.raw("GET", server.path("quota"))
    plan, limit = response.json["plan"], response.headers.get("x-ratelimit-limit", "")
    expected = DOCUMENTED_LIMITS.get(plan)
    require(expected is None or limit in map(str, expected), f"X-RateLimit-Limit is {limit}, and the plan {plan}")


@QUOTA.choice(
    "POST /workflows/{workflow_id}/execute",
    "A run beyond workflow_runs_per_hour is refused with a 429 that is not a rate limit, and has Retry-After",
    changes=True,
)
def _runs_an_hour(server: Server) -> None:
    override_of(server, "workflow_runs_per_hour")
    server.run_workflow()
    server.raw("PATCH", server.path("quota"), json_body={"workflow_runs_per_hour": 1})
    _require_beyond(server, "workflow_runs_per_hour")
    if not server.wire.exchanges[-1].headers.get("retry-after"):
        raise NotHonored("a 429 has no Retry-After")


@QUOTA.choice(
    "POST /workflows/{workflow_id}/execute",
    "A run beyond concurrent_executions is refused with a 429 that is not a rate limit, until the other run ends or "
    "is canceled",
    changes=True,
)
def _concurrent_runs(server: Server) -> None:
    require_tool(server, "wait")
    override_of(server, "concurrent_executions")
    made = server.create_workflow(definition={"nodes": [waits("pause", 1, timeout=20)]})
    server.raw("PATCH", server.path("quota"), json_body={"concurrent_executions": 1})
    for number in range(3):
        run = data_of(server.raw("POST", f"/workflows/{made.id}/execute", json_body={}))
        require_running(run)
        if number == 0:
            _require_beyond(server, "concurrent_executions")
            server.sleep(1.5)
            server.client.executions.wait(run["execution_id"], timeout=180)
        else:
            server.client.executions.cancel(run["execution_id"])


def _require_beyond(server: Server, name: str) -> None:
    """Raise `Disagreement` unless a further run is refused because of a quota."""
    try:
        server.run_workflow()
    except QuotaExceededError as error:
        require(name in str(error.details), f"error.details name no quota: {error.details}")
        return
    raise Disagreement(f"a further run is carried out, although {name} is 1")


TOOL_POLICIES: Final = Checks("tool_policies")


@TOOL_POLICIES.documented(
    "POST /organizations/{organization_id}/tool-policies",
    "An unknown tool is refused with 422, with a hint to GET /tools. So is an override of one",
    changes=True,
)
def _policy_of_unknown_tool(server: Server) -> None:
    error = require_refusal(server.raw("POST", server.path("tool-policies"), json_body={"tool_name": UNKNOWN}), 422)
    require("GET /tools" in str(error), f"no hint to GET /tools: {error}")
    body = {"role": "owner", "tool_name": UNKNOWN, "enabled": True}
    require_refusal(server.raw("POST", server.path("role-policy-overrides"), json_body=body), 422)


@TOOL_POLICIES.choice(
    "POST /organizations/{organization_id}/role-policy-overrides",
    "The body has role, tool_name and enabled, and so does the response. The override stays, and a second one is "
    "refused with 409",
    changes=True,
)
def _override(server: Server) -> None:
    policies = server.client.organizations.tool_policies
    tool = server.client.tools.list().first()
    if tool is None:
        raise Skipped("the catalog is empty")
    try:
        made = policies.create_role_override(server.organization_id, role="owner", tool_name=tool.name, enabled=True)
    except ConflictError:
        raise Skipped("one already exists, from an earlier run") from None
    about = (made.role, made.tool_name, made.enabled, made.created_at is None)
    require_equal(about, ("owner", tool.name, True, False), "it")
    path = server.path("role-policy-overrides")
    require_equal(find_item(server, path, role="owner", tool_name=tool.name)["enabled"], True, "enabled in the list")
    body = {"role": "owner", "tool_name": tool.name.replace("_", ".", 1), "enabled": False}
    require_field(require_refusal(server.raw("POST", path, json_body=body), 409), "tool_name")


ROLES: Final = Checks("roles")


def _permission_check(endpoint: str, role: str, statuses: tuple[int, ...]) -> CheckRun:
    def may(server: Server) -> None:
        authorization = server.authorization_of(role)
        path, body = CALLS[endpoint](server)
        response = server.raw(endpoint.partition(" ")[0], path, json_body=body, authorization=authorization)
        require_among(response.status, statuses, "the status")
        if response.status == 403:
            require_refusal(response, 403)

    return named(may, f"{role} {endpoint}")


for _endpoint, _role, _statuses in (
    ("GET /workflows/{workflow_id}/versions", "member", (200,)),
    ("GET /workflows/{workflow_id}/versions/{version}", "admin", (200,)),
    ("GET /workflows/{workflow_id}/versions/{version}", "member", (403,)),
    ("POST /workflows/{workflow_id}/versions/{version}/rollback", "admin", (200, 201)),
    ("POST /workflows/{workflow_id}/versions/{version}/rollback", "member", (403,)),
    ("PATCH /organizations/{organization_id}/governance", "admin", (403,)),
    ("PATCH /organizations/{organization_id}/quota", "admin", (403,)),
):
    ROLES.documented(
        _endpoint, f"The role {_role} is {'not ' if 403 in _statuses else ''}permitted to call it", changes=True
    )(_permission_check(_endpoint, _role, _statuses))


@ROLES.choice(
    "POST /workflows/{workflow_id}/execute",
    "A tool policy that is off refuses the runs of every role with 403, in both spellings of the tool. So does a "
    "policy that does not allow the role",
    changes=True,
)
def _policy_off(server: Server) -> None:
    tool = free_tool(server, besides=OVERRIDDEN)
    policies = server.client.organizations.tool_policies
    policies.create(server.organization_id, tool_name=tool, enabled=False, allowed_roles=["owner", "admin"])
    paths = [_never_run(server, name) for name in (tool, tool.replace("_", ".", 1))]
    before = audit_entries(server)
    for path in paths:
        for authorization in ("", server.authorization_of("admin"), server.authorization_of("member")):
            response = server.raw("POST", path, json_body={}, authorization=authorization)
            error = require_refusal(response, 403)
            require_equal(error["code"], "permission_denied", "error.code")
            require_field(error, "tool")
    require_equal(audit_entries(server), before + 6, "the number of entries after six refusals")
    policies.update(server.organization_id, tool, enabled=True)
    for authorization, status in (("", 200), (server.authorization_of("member"), 403)):
        response = server.raw("POST", paths[0], json_body={}, authorization=authorization)
        require_equal(response.status, status, "the status with the policy on")


@ROLES.choice(
    "POST /workflows/{workflow_id}/execute",
    "An override that allows a tool for a role takes precedence over a policy that is off. Other roles are refused",
    changes=True,
)
def _override_applies(server: Server) -> None:
    (tool, *_), policies = ensure_overrides(server), server.client.organizations.tool_policies
    if tool in [policy.tool_name for policy in policies.list(server.organization_id)]:
        raise Skipped(f"the tool {tool} already has a policy")
    server.add_cleanup(policies.delete, server.organization_id, tool)
    policies.create(server.organization_id, tool_name=tool, enabled=False)
    path = _never_run(server, tool)
    for authorization, status in (("", 200), (server.authorization_of("admin"), 403)):
        response = server.raw("POST", path, json_body={}, authorization=authorization)
        require_equal(response.status, status, "the status")


def _never_run(server: Server, tool: str) -> str:
    node = {"id": "use", "type": "tool", "tool": tool, "condition": NEVER}
    return f"/workflows/{server.create_workflow(definition={'nodes': [node]}).id}/execute"


@GOVERNANCE.choice(
    "GET /organizations/{organization_id}/governance/audit",
    "The newest entry comes first, and says what changed, from which value to which",
    changes=True,
)
def _said(server: Server) -> None:
    path = server.path("governance")
    before = server.raw("GET", path).json["approval_threshold"]
    server.add_cleanup(server.raw, "PATCH", path, json_body={"approval_threshold": before})
    for threshold in (98765, 98764):
        server.raw("PATCH", path, json_body={"approval_threshold": threshold})
    response = server.raw("GET", server.path("governance/audit"), query={"limit": 2})
    newest, earlier = map(str, items_of(response))
    for entry, numbers in ((newest, (98765, 98764)), (earlier, (before, 98765))):
        missing = [text for text in ("approval_threshold", *map(str, numbers)) if text not in entry]
        require(not missing, f"the entry {entry} does not say {', '.join(missing)}")
    entries = audit_entries(server)
    server.raw("PATCH", path, json_body={"approval_threshold": 98764})
    require_equal(audit_entries(server), entries, "the number of entries after an empty change")


@GOVERNANCE.choice(
    "GET /organizations/{organization_id}/governance/audit",
    "When a run is held, canceled, or released by a threshold of 0, the audit log gets an entry that says why and "
    "what became of the run. The statistics keep counting it",
    changes=True,
)
def _approval(server: Server) -> None:
    flags = {"require_approval_for_external_comm": True, "approval_threshold": 2}
    path, statistics = with_settings(server, "http_request", flags), server.path("governance/approvals")
    before = data_of(server.raw("GET", statistics)).get("total")
    canceled = _held(server, path)
    _require_said(server, canceled, "pending_approval", "external_comm", path.split("/")[2])
    require_equal(server.raw("POST", f"/executions/{canceled}/cancel").status, 200, "the status of canceling")
    _require_said(server, canceled, "pending_approval", "cancelled")
    total = before + 1 if isinstance(before, int) else before
    require_equal(data_of(server.raw("GET", statistics)).get("total"), total, "total after one was held and canceled")
    held = _held(server, path)
    for threshold, status in ((1, "pending_approval"), (0, "completed")):
        server.raw("PATCH", server.path("governance"), json_body={"approval_threshold": threshold})
        if not threshold:
            _require_said(server, held, "pending_approval")
        require_equal(
            data_of(server.raw("GET", f"/executions/{held}"))["status"],
            status,
            f"status with a threshold of {threshold}",
        )


def _held(server: Server, path: str) -> str:
    """Execute a workflow that is held for approval, return the execution's ID, and cancel it at the end."""
    run = data_of(server.raw("POST", path, json_body={}))
    server.add_cleanup(server.raw, "POST", f"/executions/{run['execution_id']}/cancel")
    require_equal(run["status"], "pending_approval", "status")
    return str(run["execution_id"])


def _require_said(server: Server, execution_id: str, *texts: str) -> None:
    """Raise `Disagreement` unless the newest entry of the audit log is about an execution, and has some texts."""
    newest = newest_entry(server)
    missing = [text for text in texts if text not in _texts_in(newest)]
    require(execution_id in str(newest), f"the newest entry is not about {execution_id}: {newest}")
    require(not missing, f"the entry {newest} does not say {', '.join(missing)}")


def _texts_in(value: Any) -> list[str]:
    """Return the texts in a JSON value, at any depth."""
    if isinstance(value, str):
        return [value]
    inner = [*value.values()] if is_object(value) else value if is_array(value) else ()
    return [text for item in inner for text in _texts_in(item)]


@GOVERNANCE.choice(
    "GET /organizations/{organization_id}/governance/report",
    "If the report counts workflows, executions, policies or changes, it counts new ones too",
    changes=True,
)
def _counted(server: Server) -> None:
    def counts() -> dict[str, Any]:
        report: dict[str, Any] = server.raw("GET", server.path("governance/report")).json["data"]
        runs: Any = report.get("executions")
        total: Any = runs.get("total") if is_object(runs) else runs
        return {"executions": total, **{name: report.get(name) for name in ("workflows", "tool_policies")}}

    before = counts()
    server.run_workflow()
    new_policy(server)
    expected = {name: count + 1 if isinstance(count, int) else count for name, count in before.items()}
    require_equal(counts(), expected, "the report after a workflow, a run and a policy were created")


@ROLES.choice("GET /tools", "All keys of an organization share its rate limit")
def _share_the_limit(server: Server) -> None:
    member = server.authorization_of("member")
    seen: list[tuple[int, ...]] = []
    for authorization in ("", member, "", member):
        headers = server.raw("GET", "/tools", authorization=authorization).headers
        seen.append(tuple(int(headers[f"x-ratelimit-{name}"]) for name in ("remaining", "limit", "reset")))
    for (before, *window), (after, *same) in itertools.pairwise(seen):
        require(after < before or window != same, f"one key has {before} requests left, and then another has {after}")
