"""What becomes of a run between its approval and its end: it waits for a place, and policies still apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from tests.emulator.api import KEY, Api
from tests.emulator.test_admission import quota, refused
from tests.emulator.test_approvals import EXTERNAL, MAIL, ORG, decide, execute, settings
from tests.kit.nodes import tool


def pause(seconds: int) -> dict[str, Any]:
    return tool("pause", "wait", {"seconds": seconds}, dependencies=["mail"])


def approved(api: Api, *seconds: int, newest_first: bool = False) -> list[str]:
    """Approve runs that last so many seconds, in this order or the other; return their ids in this order."""
    workflows = [api.workflow(MAIL, pause(length)) for length in seconds]
    runs = [str(execute(api, workflow).data["execution_id"]) for workflow in workflows]
    for run in reversed(runs) if newest_first else runs:
        decide(api, run, "grace", approve=True)
    return runs


def statuses(api: Api, runs: list[str]) -> list[str]:
    return [api("GET", f"/executions/{run}").data["status"] for run in runs]


@pytest.fixture(autouse=True)
def governed(api: Api) -> None:
    api.app.keys.of("admin", "grace")
    settings(api, **{EXTERNAL: True})


def test_approved_runs_wait_for_a_place_in_the_order_of_their_approval(api: Api) -> None:
    quota(api, concurrent_executions=2)
    runs = approved(api, *[60] * 6, newest_first=True)
    assert statuses(api, runs) == ["pending"] * 4 + ["running"] * 2
    assert refused(execute(api, api.workflow())) == ("quota_exceeded", ["concurrent_executions"])
    waits = api("GET", f"/executions/{runs[0]}").data
    assert (waits["nodes"], waits["duration_ms"], waits["approval"]["approved_by"]) == ([], 0, ["grace"])
    api.clock.time += 60
    assert statuses(api, runs) == ["pending"] * 2 + ["running"] * 2 + ["completed"] * 2
    api.clock.time += 90
    assert statuses(api, runs) == ["running"] * 2 + ["completed"] * 4
    assert api("GET", f"/executions/{runs[0]}").data["duration_ms"] == 30_000
    assert len(api("GET", "/executions?status=pending").data) == 0


def test_they_start_after_a_restart_too(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    first = Emulator(db=file, api_key=KEY, time="manual")
    client = first.client()
    client.organizations.governance.update("default", require_approval_for_external_comm=True)
    client.organizations.quota.update("default", concurrent_executions=1)
    workflow = client.workflows.create(name="x", definition={"nodes": [MAIL, pause(60)]})
    runs = [client.workflows.execute(workflow.id, inputs={"to": "a"}).id for _ in range(3)]
    assert [first.approve(run, by="admin").status for run in runs] == ["running", "pending", "pending"]
    first.clock.advance(1)
    first.close()
    second = Emulator(db=file, api_key=KEY, time="manual")
    client = second.client()
    assert [client.executions.get(run).status for run in runs] == ["running", "pending", "pending"]
    second.clock.advance(59)
    assert [client.executions.get(run).status for run in runs] == ["completed", "running", "pending"]
    second.clock.advance(120)
    assert [client.executions.get(run).status for run in runs] == ["completed"] * 3
    second.close()


def test_a_tool_that_was_disabled_after_the_approval_fails_its_node(api: Api) -> None:
    quota(api, concurrent_executions=1)
    runs = approved(api, 60, 0)
    assert api("POST", f"{ORG}/tool-policies", {"tool_name": "email_send", "enabled": False}).status == 201
    api.clock.time += 60
    ended = api("GET", f"/executions/{runs[1]}").data
    refusal = "The tool 'email_send' is refused: tool-policies/email_send is off."
    assert (ended["status"], ended["error"]) == ("failed", f"node 'mail': {refusal}")
    assert ended["nodes"][0]["attempts"] == 1, "a retry would fail alike"
    assert statuses(api, runs[:1]) == ["completed"], "its mail was sent before"
