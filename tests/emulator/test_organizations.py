"""The audit log and the report: what changed, who changed it, and how much there is."""

from __future__ import annotations

from tests.emulator.api import Api
from tests.kit.nodes import tool

HOME = "/organizations/default"


def test_every_change_is_in_the_audit_log(api: Api) -> None:
    workflow = api.workflow()
    for method, path, body in (
        ("PATCH", f"{HOME}/governance", {"approval_threshold": 2}),
        ("PATCH", f"{HOME}/governance", {"approval_threshold": 2}),  # changes nothing: not in the log
        ("PATCH", f"{HOME}/quota", {"memory_mb": 10}),
        ("POST", f"{HOME}/tool-policies", {"tool_name": "calculator"}),
        ("PATCH", f"{HOME}/tool-policies/calculator", {"enabled": False}),
        ("DELETE", f"{HOME}/tool-policies/calculator", None),
        ("POST", f"{HOME}/role-policy-overrides", {"role": "viewer", "tool_name": "calculator"}),
        ("POST", f"/workflow-registry/{workflow}/approve-template", None),
        ("POST", f"/workflow-registry/{workflow}/archive", None),
    ):
        assert api(method, path, body).status < 300
    entries = api("GET", f"{HOME}/governance/audit").data
    assert [(entry["action"], entry["target"]) for entry in reversed(entries)] == [
        ("governance.updated", "governance"),
        ("quota.updated", "quota"),
        *((f"tool_policy.{change}", "tool-policies/calculator") for change in ("created", "updated", "deleted")),
        ("role_override.created", "role-policy-overrides/viewer/calculator"),
        *((f"registry.{status}", f"workflow-registry/{workflow}") for status in ("approved", "archived")),
    ]
    assert entries[-1]["changes"] == {"approval_threshold": {"from": 1, "to": 2}}
    assert entries[0]["changes"] == {"status": {"from": "approved", "to": "archived"}}
    assert {(entry["actor"], entry["created_at"]) for entry in entries} == {("owner", "2027-01-15T08:00:00.500Z")}
    assert api("GET", "/organizations/other/governance/audit").data == []


def test_the_counts_of_the_report(api: Api) -> None:
    api("POST", f"/workflow-registry/{api.workflow()}/approve-template")
    api.run()
    api.run(tool("w", "wait", {"seconds": 60}))
    api("POST", f"{HOME}/tool-policies", {"tool_name": "calculator"})
    report = api("GET", f"{HOME}/governance/report").data
    assert (report["workflows"], report["registry"]) == (3, {"approved": 1})
    assert report["executions"] == {"total": 2, "by_status": {"completed": 1, "running": 1}}
    assert (report["tool_policies"], report["role_policy_overrides"]) == (1, 0)
    assert report["changes"] == {"registry.approved": 1, "tool_policy.created": 1}
    elsewhere = api("GET", "/organizations/other/governance/report").data
    assert (elsewhere["workflows"], elsewhere["executions"]["total"], elsewhere["registry"]) == (0, 0, {})
