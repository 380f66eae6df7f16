from __future__ import annotations

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.account import ApiKeys, KeyRole
from fibonacci.emulator.option_values import PlanName
from fibonacci.errors import PermissionDeniedError, QuotaExceededError
from tests.emulator.api import KEY, Api, ApiResponse
from tests.emulator.test_approvals import ORG, actions
from tests.kit.nodes import tool

SLOW = tool("slow", "wait", {"seconds": 60})


def execute(api: Api, workflow: str, role: KeyRole = "owner") -> ApiResponse:
    return api("POST", f"/workflows/{workflow}/execute", {}, authorization=f"Bearer {ApiKeys(KEY).of(role)}")


def quota(api: Api, **overrides: int) -> None:
    assert api("PATCH", f"{ORG}/quota", overrides).status == 200


def refused(response: ApiResponse) -> tuple[str, list[str]]:
    assert response.status in (403, 429)
    return response.code, response.fields


def test_the_quota_of_runs_per_hour(api: Api) -> None:
    quota(api, workflow_runs_per_hour=2)
    workflow = api.workflow()
    assert execute(api, workflow).status == 200
    api.clock.time += 600
    assert execute(api, workflow, "member").status == 200
    response = execute(api, workflow)
    assert refused(response) == ("quota_exceeded", ["workflow_runs_per_hour"])
    assert (response.status, response.headers["Retry-After"]) == (429, "3000")
    assert "workflow_runs_per_hour of 2" in response.json["error"]["message"]
    assert len(api("GET", "/executions").data) == 2
    assert actions(api)[-1] == "run.refused"
    entry = api("GET", f"{ORG}/governance/audit").data[0]
    assert (entry["target"], entry["changes"]["code"]["to"]) == (f"workflows/{workflow}", "quota_exceeded")
    api.clock.time += 3000
    assert [execute(api, workflow).status for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("plan", ["free", "pro"])
def test_the_quota_of_a_plan(plan: PlanName) -> None:
    api = Api(plan=plan)
    limit = api("GET", f"{ORG}/quota").json["effective"]["concurrent_executions"]
    workflow = api.workflow(SLOW)
    assert [execute(api, workflow).status for _ in range(limit + 1)] == [200] * limit + [429]


def test_an_override_takes_precedence(api: Api) -> None:
    workflow = api.workflow(tool("a"))
    for role, enabled in (("admin", False), ("member", True)):
        body = {"role": role, "tool_name": "calculator", "enabled": enabled}
        assert api("POST", f"{ORG}/role-policy-overrides", body).status == 201
    api("POST", f"{ORG}/tool-policies", {"tool_name": "calculator", "enabled": False})
    assert "role-policy-overrides/admin/calculator" in execute(api, workflow, "admin").json["error"]["message"]
    assert [execute(api, workflow, role).status for role in ("owner", "admin", "member")] == [403, 403, 200]


def test_errors_of_a_client_name_what_was_refused() -> None:
    emulator = Emulator(plan="free")
    client = emulator.client()
    workflow = client.workflows.create(name="x", definition={"nodes": [tool("a")]})
    client.organizations.quota.update("default", workflow_runs_per_hour=1)
    client.workflows.run(workflow.id)
    with pytest.raises(QuotaExceededError, match="workflow_runs_per_hour"):
        client.workflows.run(workflow.id)
    assert emulator.requests.to("POST /workflows/{id}/execute").count == 2
    client.organizations.tool_policies.create("default", tool_name="calculator", allowed_roles=["admin"])
    with pytest.raises(PermissionDeniedError, match="tool-policies/calculator"):
        client.workflows.run(workflow.id)
