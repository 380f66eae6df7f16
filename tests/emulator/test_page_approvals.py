"""The page of approvals: what a person who decides has to know, and who may decide."""

from __future__ import annotations

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, ToolCall
from tests.emulator.handling import create
from tests.emulator.page_client import PageClient
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool

BRANCHES = {"true_branch": ["end"], "false_branch": ["tell"]}
NODES = (
    tool("look", "lookup", {"topic": "tides"}),
    llm("sum", "Sum up {{look}}"),
    {"id": "gate", "type": "conditional", "left_value": "{{sum}}", "operator": "is_empty", **BRANCHES},
    tool("tell", "email_send", {"to": "{{input.reader}}", "subject": "News", "body": "{{sum}}"}),
    llm("end", "Say nothing"),
)


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key="fib-page")


@pytest.fixture
def client(emulator: Emulator) -> Fibonacci:
    emulator.tool("lookup")(self_made)
    client = emulator.client()
    client.organizations.governance.update("default", require_approval_for_external_comm=True, approval_threshold=3)
    return client


def self_made(call: ToolCall) -> str:
    return "High at noon"


def waiting_run(client: Fibonacci) -> str:
    workflow = create(client, *NODES, name="Newsletter")
    return client.workflows.execute(workflow, inputs={"reader": "team@example.org"}).id


@each_row("target", ["/ui/approvals", "/ui/runs/{run}"])
def test_what_will_happen_is_said_before_anybody_decides(page: PageClient, client: Fibonacci, target: str) -> None:
    run = waiting_run(client)
    text = page.get(target.format(run=run)).main
    for said in (
        "team@example.org",
        "Requested by owner",
        "Expires 20",
        "The run waits for 2 more approvals, then starts.",
        "Send an e-mail. Only if gate is false.",
        "to team@example.org subject News body {{sum}}",
        "Reject The run is canceled at once",
    ):
        assert said in text
    own, simulated = "lookup in look , carried out by your own function", "email_send in tell , simulated"
    assert text.index(own) < text.index(simulated)
    client.executions.cancel(run)


def test_who_may_approve_and_how_many_are_missing_is_said(
    page: PageClient, client: Fibonacci, emulator: Emulator
) -> None:
    run = waiting_run(client)
    for role, name in (("admin", "ada"), ("member", "bo"), ("viewer", "cy")):
        emulator.key(role, name=name)  # type: ignore[arg-type]
    assert "These can approve it: admin, ada." in page.get("/ui/approvals").text
    assert '<option value="ada"></option>' in page.get("/ui/approvals").body
    client.organizations.governance.update("default", allow_self_approval=True)
    assert "These can approve it: admin, owner, ada." in page.get("/ui/approvals").text
    for by, missing in (("ada", "The run waits for 1 more approval, then starts."), ("admin", "The run starts.")):
        emulator.approve(run, by=by)
        assert missing in page.get("/ui/approvals").text
    assert "Approved by ada, admin" in page.get("/ui/approvals").text


def test_a_run_of_a_deleted_workflow_can_only_be_rejected(page: PageClient, client: Fibonacci) -> None:
    run = waiting_run(client)
    client.workflows.delete(client.executions.get(run).workflow_id or "")
    assert "Not possible: the workflow was deleted." in page.get("/ui/approvals").text
    shown = page.act(f"/ui/runs/{run}/decision", by="admin", decision="approve", back="/ui/approvals")
    assert "reject the execution" in shown.text
    assert "admin rejected the run" in page.act(f"/ui/runs/{run}/decision", by="admin", decision="reject").text
