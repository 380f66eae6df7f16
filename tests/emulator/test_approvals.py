from __future__ import annotations

from typing import Any

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.account import ApiKeys
from fibonacci.emulator.engine.records import view_of
from fibonacci.emulator.http.messages import HTTPException
from fibonacci.emulator.policy import approvals as policy
from tests.emulator.api import KEY, Api, ApiResponse
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool

ORG = "/organizations/default"
EXTERNAL = "require_approval_for_external_comm"
MAIL = tool("mail", "email_send", {"to": "{{input.to}}"})


@pytest.fixture(autouse=True)
def people(api: Api) -> None:
    """Ada and Grace are admins."""
    for name in ("ada", "grace"):
        api.app.keys.of("admin", name)


def settings(api: Api, **given: Any) -> None:
    assert api("PATCH", f"{ORG}/governance", given).status == 200


def execute(api: Api, workflow: str, role: Any = "admin", name: str | None = None) -> ApiResponse:
    key = ApiKeys(KEY).of(role, name)
    return api("POST", f"/workflows/{workflow}/execute", {"inputs": {"to": "ada"}}, authorization=f"Bearer {key}")


def waiting(api: Api, *nodes: dict[str, Any], name: str | None = None) -> str:
    """Request a run that requires approval; return its id."""
    response = execute(api, api.workflow(*(nodes or (MAIL,))), name=name)
    assert response.data["status"] == "pending_approval"
    return str(response.data["execution_id"])


def decide(api: Api, execution_id: str, by: str, *, approve: bool) -> Any:
    with api.app.store.transaction():
        execution = policy.decide(api.app, execution_id, by, approve=approve)
    return view_of(*api.app.scheduler.wait_for(execution, api.clock.now()))


def actions(api: Api) -> list[str]:
    return [entry["action"] for entry in reversed(api("GET", f"{ORG}/governance/audit?limit=200").data)]


def approvals(api: Api) -> dict[str, int]:
    stats = api("GET", f"{ORG}/governance/approvals").data
    return {name: stats[name] for name in ("pending", "approved", "rejected", "expired", "cancelled", "total")}


def counts(**given: int) -> dict[str, int]:
    nothing = dict.fromkeys(("pending", "approved", "rejected", "expired", "cancelled"), 0)
    return nothing | {"total": sum(given.values())} | given


@each_row(
    ("given", "definition", "reasons"),
    [
        ({EXTERNAL: True}, [MAIL], ["external_comm"]),
        ({EXTERNAL: True}, [tool("a", "slack_send_message")], ["external_comm"]),
        ({EXTERNAL: True}, [tool("a", "post-Webhook")], ["external_comm"]),
        ({EXTERNAL: True}, [tool("a"), llm("b", "email_send")], []),
        ({EXTERNAL: False}, [MAIL], []),
        ({"require_approval_for_public_writes": True}, [tool("a", "file_write")], ["public_writes"]),
        ({"require_approval_for_public_writes": True}, [tool("a", "file_read")], []),
        ({"require_approval_for_permission_changes": True}, [tool("a", "grant_access")], ["permission_changes"]),
        ({"category_flags": {"communication": True, "pii": False}}, [MAIL], ["communication"]),
        ({"category_flags": {"financial": True}}, [tool("a", "refund_payment")], ["financial"]),
        ({EXTERNAL: True, "category_flags": {"external_comm": True, "data": True}}, [MAIL], ["external_comm"]),
        ({EXTERNAL: True, "approval_threshold": 0}, [MAIL], []),
    ],
)
def test_which_runs_require_approval(api: Api, given: dict[str, Any], definition: Any, reasons: list[str]) -> None:
    settings(api, **given)
    response = execute(api, api.workflow(*definition))
    assert response.status == 200
    execution = api("GET", f"/executions/{response.data['execution_id']}").data
    assert execution["status"] == response.data["status"] == ("pending_approval" if reasons else "completed")
    assert execution.get("approval", {"reasons": []})["reasons"] == reasons


def test_nothing_runs_before_the_approval_and_everything_after_it(api: Api) -> None:
    settings(api, **{EXTERNAL: True})
    execution_id = waiting(api, MAIL, name="ada")
    before = api("GET", f"/executions/{execution_id}").data
    assert (before["outputs"], before["nodes_executed"], before["nodes"], before["completed_at"]) == ({}, 0, [], None)
    assert before["approval"] == {
        "reasons": ["external_comm"],
        "requested_by": "ada",
        "requested_at": "2027-01-15T08:00:00.500Z",
        "approved_by": [],
        "rejected_by": None,
        "expires_at": "2027-01-22T08:00:00.500Z",
    }
    assert approvals(api) == counts(pending=1)
    after = decide(api, execution_id, "grace", approve=True)
    assert (after["status"], after["nodes_executed"]) == ("completed", 1)
    assert after["outputs"]["mail"]["params"]["to"] == "ada"
    assert after["approval"]["approved_by"] == ["grace"]
    assert approvals(api) == counts(approved=1)
    assert actions(api) == ["governance.updated", "approval.requested", "approval.given", "approval.approved"]
    entries = api("GET", f"{ORG}/governance/audit").data
    assert [entry["actor"] for entry in entries] == ["grace", "grace", "ada", "owner"]
    assert entries[0]["changes"] == {"status": {"from": "pending_approval", "to": "completed"}}
    assert entries[0]["target"] == f"executions/{execution_id}"


def test_the_threshold_is_the_number_of_approvals_required(api: Api) -> None:
    settings(api, **{EXTERNAL: True, "approval_threshold": 2})
    execution_id = waiting(api)
    assert decide(api, execution_id, "ada", approve=True)["status"] == "pending_approval"
    with pytest.raises(HTTPException, match="ada has already approved"):
        decide(api, execution_id, "ada", approve=True)
    assert decide(api, execution_id, "grace", approve=True)["approval"]["approved_by"] == ["ada", "grace"]
    assert actions(api).count("approval.given") == 2
    assert approvals(api)["approved"] == 1


def test_the_requester_may_not_approve(api: Api) -> None:
    settings(api, **{EXTERNAL: True})
    execution_id = waiting(api, name="ada")
    assert "ada may not approve their own run" in refusal(api, execution_id, "ada")
    assert api("GET", f"/executions/{execution_id}").data["approval"]["approved_by"] == []
    settings(api, allow_self_approval=True)
    assert decide(api, execution_id, "ada", approve=True)["status"] == "completed"


def test_a_rejected_run_is_canceled(api: Api) -> None:
    settings(api, **{EXTERNAL: True, "approval_threshold": 2})
    execution_id = waiting(api)
    decide(api, execution_id, "grace", approve=True)
    rejected = decide(api, execution_id, "ada", approve=False)
    assert (rejected["status"], rejected["approval"]["rejected_by"]) == ("cancelled", "ada")
    assert rejected["completed_at"] is not None
    assert approvals(api) == counts(rejected=1)
    assert actions(api)[-1] == "approval.rejected"
    with pytest.raises(HTTPException, match="is cancelled and is not waiting for approval") as caught:
        decide(api, execution_id, "grace", approve=True)
    assert caught.value.status == 409


def test_the_emulator_approves_and_rejects() -> None:
    emulator = Emulator(organization_id="acme")
    client = emulator.client()
    client.organizations.governance.update("acme", require_approval_for_external_comm=True)
    workflow = client.workflows.create(name="mail", definition={"nodes": [tool("mail", "email_send")]})
    first, second = (client.workflows.execute(workflow.id) for _ in range(2))
    assert not first.is_terminal
    with pytest.raises(ValueError, match="owner may not approve their own run"):
        emulator.approve(str(first.id), by="owner")
    emulator.key("admin", name="ada")
    assert emulator.approve(str(first.id), by="ada").succeeded
    assert emulator.reject(str(second.id), by="owner").status == "cancelled"
    with pytest.raises(ValueError, match="There is no execution 'exec_none'"):
        emulator.reject("exec_none", by="ada")
    assert client.executions.wait(str(first.id), timeout=5).succeeded


def refusal(api: Api, execution_id: str, by: str, *, approve: bool = True) -> str:
    with pytest.raises(HTTPException) as caught:
        decide(api, execution_id, by, approve=approve)
    assert (caught.value.status, caught.value.details[0].field) == (403, "by")
    return caught.value.message


@pytest.mark.parametrize("approve", [True, False])
def test_who_decides_has_a_role(api: Api, approve: bool) -> None:
    settings(api, **{EXTERNAL: True})
    execution_id = waiting(api)
    for role in ("viewer", "member"):
        api.app.keys.of(role, "alan")
        assert f"this requires the role admin or owner, not {role}" in refusal(api, execution_id, role, approve=approve)
        assert f"not {role}" in refusal(api, execution_id, "alan", approve=approve)
    assert "emulator.key('admin', name='nobody')" in refusal(api, execution_id, "nobody", approve=approve)
    decided = decide(api, execution_id, "owner", approve=approve)
    assert decided["status"] == ("completed" if approve else "cancelled")


def test_an_approval_expires(api: Api) -> None:
    settings(api, **{EXTERNAL: True})
    execution_id, decided = waiting(api), waiting(api)
    decide(api, decided, "grace", approve=True)
    api.clock.time += 7 * 86_400 - 1
    assert api("GET", f"/executions/{execution_id}").data["status"] == "pending_approval"
    api.clock.time += 1
    shown = next(each for each in api("GET", "/executions").data if each["execution_id"] == execution_id)
    assert (shown["status"], shown["error"]) == ("cancelled", "nobody approved it within 7 days")
    assert approvals(api) == counts(approved=1, expired=1)
    assert actions(api)[-1] == "approval.expired"


def test_a_skip_clock_does_not_skip_the_wait_for_an_approval() -> None:
    emulator = Emulator(time="skip")
    client = emulator.client()
    client.organizations.governance.update("default", require_approval_for_external_comm=True)
    workflow = client.workflows.create(name="x", definition={"nodes": [MAIL]})
    execution = client.workflows.execute(workflow.id, inputs={"to": "ada"})
    assert client.executions.get(execution.id).status == "pending_approval"
    emulator.clock.advance(8 * 86_400)
    assert client.executions.get(execution.id).status == "cancelled"
