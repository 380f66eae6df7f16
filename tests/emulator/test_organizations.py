from __future__ import annotations

from typing import Any

from tests.emulator.api import Api
from tests.kit.assertions import each_row
from tests.kit.nodes import tool

ORG = "/organizations/org_1"
HOME = "/organizations/default"
DEFAULTS: dict[str, Any] = {
    "require_approval_for_external_comm": False,
    "require_approval_for_public_writes": False,
    "require_approval_for_permission_changes": False,
    "allow_self_approval": False,
    "approval_threshold": 1,
    "category_flags": {},
}


def test_governance_has_no_envelope_and_is_updated_in_part(api: Api) -> None:
    assert api("GET", f"{ORG}/governance").json == DEFAULTS
    changed = api("PATCH", f"{ORG}/governance", {"approval_threshold": 2, "category_flags": {"pii": True}})
    assert changed.json == DEFAULTS | {"approval_threshold": 2, "category_flags": {"pii": True}}
    assert api("PATCH", f"{ORG}/governance", {"allow_self_approval": True}).json["approval_threshold"] == 2
    assert api("GET", f"{ORG}/governance").json["allow_self_approval"] is True
    assert api("GET", "/organizations/other/governance").json == DEFAULTS


@each_row(
    ("body", "field"),
    [
        ({"approval_threshold": -1}, "approval_threshold"),
        ({"approval_threshold": True}, "approval_threshold"),
        ({"category_flags": {"pii": "yes"}}, "category_flags.pii"),
        ({"threshold": 1}, "threshold"),
    ],
)
def test_a_bad_setting_changes_nothing(api: Api, body: dict[str, Any], field: str) -> None:
    response = api("PATCH", f"{ORG}/governance", {"require_approval_for_public_writes": True} | body)
    assert (response.status, response.fields) == (422, [field])
    assert api("GET", f"{ORG}/governance").json == DEFAULTS
    assert api("GET", f"{ORG}/governance/audit").data == []


@each_row("organization", ["a%20b", "%2E%2E", "x" * 65, "org%2F1", "%C3%A4"])
@each_row("rest", ["governance", "governance/report", "quota", "tool-policies", "role-policy-overrides"])
def test_an_invalid_organization_id_is_404(api: Api, organization: str, rest: str) -> None:
    assert api("GET", f"/organizations/{organization}/{rest}").status == 404


def test_every_change_is_in_the_audit_log(api: Api) -> None:
    api("PATCH", f"{ORG}/governance", {"approval_threshold": 2})
    api("PATCH", f"{ORG}/governance", {"approval_threshold": 2})  # changes nothing: not in the log
    api("PATCH", f"{ORG}/quota", {"memory_mb": 10})
    api("POST", f"{ORG}/tool-policies", {"tool_name": "calculator"})
    api("PATCH", f"{ORG}/tool-policies/calculator", {"enabled": False})
    api("DELETE", f"{ORG}/tool-policies/calculator")
    api("POST", f"{ORG}/role-policy-overrides", {"role": "viewer", "tool_name": "calculator"})
    entries = api("GET", f"{ORG}/governance/audit").data
    assert [entry["action"] for entry in entries] == [
        "role_override.created",
        "tool_policy.deleted",
        "tool_policy.updated",
        "tool_policy.created",
        "quota.updated",
        "governance.updated",
    ]
    assert entries[-1]["changes"] == {"approval_threshold": {"from": 1, "to": 2}}
    assert entries[2]["changes"] == {"enabled": {"from": True, "to": False}}
    assert entries[2]["target"] == "tool-policies/calculator"
    assert {entry["actor"] for entry in entries} == {"owner"}
    assert len({entry["id"] for entry in entries}) == 6
    assert all(entry["created_at"] == "2027-01-15T08:00:00.500Z" for entry in entries)
    assert api("GET", "/organizations/other/governance/audit").data == []

    first = api("GET", f"{ORG}/governance/audit?limit=4")
    rest = api("GET", f"{ORG}/governance/audit?limit=4&cursor={first.json['meta']['next_cursor']}")
    assert first.data + rest.data == entries


def test_the_counts_of_report_and_approvals(api: Api) -> None:
    api("POST", f"/workflow-registry/{api.workflow()}/approve-template")
    api.run()
    api.run(tool("w", "wait", {"seconds": 60}))
    api("PATCH", f"{HOME}/governance", {"approval_threshold": 3})
    api("POST", f"{HOME}/tool-policies", {"tool_name": "calculator"})
    report = api("GET", f"{HOME}/governance/report").data
    assert report["workflows"] == 3
    assert report["executions"] == {"total": 2, "by_status": {"completed": 1, "running": 1}}
    assert report["registry"] == {"approved": 1}
    assert report["changes"].pop("registry.approved") == 1
    assert report["settings"]["approval_threshold"] == 3
    assert (report["tool_policies"], report["role_policy_overrides"]) == (1, 0)
    assert report["changes"] == {"governance.updated": 1, "tool_policy.created": 1}
    assert api("GET", f"{HOME}/governance/approvals").data == {
        "organization_id": "default",
        "pending": 0,
        "approved": 0,
        "rejected": 0,
        "expired": 0,
        "cancelled": 0,
        "total": 0,
        "threshold": 3,
    }
    elsewhere = api("GET", f"{ORG}/governance/report").data
    assert (elsewhere["workflows"], elsewhere["executions"]["total"], elsewhere["registry"]) == (0, 0, {})
    assert api("GET", f"{ORG}/governance/approvals").data["pending"] == 0


def test_a_whole_number_may_be_written_with_a_point(api: Api) -> None:
    assert api("PATCH", f"{ORG}/governance", b'{"approval_threshold": 2.0}').json["approval_threshold"] == 2
    assert b'"overrides":{"memory_mb":10}' in api("PATCH", f"{ORG}/quota", b'{"memory_mb": 1e1}').body
    assert api("PATCH", f"{ORG}/governance", b'{"approval_threshold": -2.0}').status == 422


def test_quota_has_no_envelope_and_effective_is_the_override_or_the_limit() -> None:
    api = Api(plan="pro")
    quota = api("GET", f"{ORG}/quota").json
    assert (quota["plan"], quota["overrides"], quota["effective"]) == ("pro", {}, quota["limits"])
    changed = api("PATCH", f"{ORG}/quota", {"memory_mb": 0, "concurrent_executions": 50}).json
    assert changed["overrides"] == {"memory_mb": 0, "concurrent_executions": 50}
    assert changed["effective"] == quota["limits"] | changed["overrides"]
    assert changed["limits"] == quota["limits"]
    back = api("PATCH", f"{ORG}/quota", {"memory_mb": None}).json
    assert back["overrides"] == {"concurrent_executions": 50}
    assert api("GET", f"{ORG}/quota").json == back


@each_row(
    ("body", "field"),
    [
        ({"memory_mb": -1}, "memory_mb"),
        ({"memory_mb": 8_193}, "memory_mb"),
        ({"workflow_runs_per_hour": 10**30}, "workflow_runs_per_hour"),
        ({"cpu": 1}, "cpu"),
    ],
)
def test_a_quota_over_the_ceiling_or_of_the_wrong_type_is_422(body: dict[str, Any], field: str) -> None:
    api = Api(plan="pro")
    response = api("PATCH", f"{ORG}/quota", {"concurrent_executions": 5} | body)
    assert (response.status, response.fields) == (422, [field])
    assert api("GET", f"{ORG}/quota").json["overrides"] == {}


def test_tool_policies(api: Api) -> None:
    created = api("POST", f"{ORG}/tool-policies", {"tool_name": "http_request", "allowed_roles": ["owner"]})
    assert created.status == 201
    assert created.data == {
        "tool_name": "http_request",
        "enabled": True,
        "allowed_roles": ["owner"],
        "created_at": "2027-01-15T08:00:00.500Z",
        "updated_at": "2027-01-15T08:00:00.500Z",
    }
    assert api("POST", f"{ORG}/tool-policies", {"tool_name": "http_request"}).code == "conflict"
    other = api("POST", f"{ORG}/tool-policies", {"tool_name": "calculator", "enabled": False}).data
    assert other["allowed_roles"] == ["owner", "admin", "member", "viewer"]
    api.clock.time += 1
    path = f"{ORG}/tool-policies/http_request"
    changed = api("PATCH", path, {"allowed_roles": []}).data
    assert changed == created.data | {"allowed_roles": [], "updated_at": "2027-01-15T08:00:01.500Z"}
    assert api("PATCH", path, {}).data == changed
    assert api("GET", f"{ORG}/tool-policies").data == [changed, other]
    assert api("GET", "/organizations/other/tool-policies").data == []
    assert api("DELETE", path).status == 204
    for method in ("PATCH", "DELETE"):
        response = api(method, path, {})
        assert (response.status, "'http_request'" in response.json["error"]["message"]) == (404, True)
    assert api("GET", f"{ORG}/tool-policies").data == [other]


@each_row("path", ["tool-policies", "role-policy-overrides"])
def test_an_unknown_tool_is_422_with_a_hint(api: Api, path: str) -> None:
    body = {"tool_name": "teleport"} | ({"role": "owner"} if path == "role-policy-overrides" else {})
    response = api("POST", f"{ORG}/{path}", body)
    assert (response.status, response.fields) == (422, ["tool_name"])
    assert "GET /tools" in response.json["error"]["message"]


def test_role_overrides(api: Api) -> None:
    body = {"role": "viewer", "tool_name": "calculator", "enabled": False}
    created = api("POST", f"{ORG}/role-policy-overrides", body)
    assert created.status == 201
    assert created.data.items() >= body.items()
    assert api("POST", f"{ORG}/role-policy-overrides", body).code == "conflict"
    assert api("POST", f"{ORG}/role-policy-overrides", body | {"role": "member"}).status == 201
    assert [found["role"] for found in api("GET", f"{ORG}/role-policy-overrides").data] == ["viewer", "member"]
