"""Searches, waits, batches, deployments, the command and MCP work unchanged with `api_version="0.2"`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fibonacci import (
    ExecutionFailedError,
    NotFoundError,
    RateLimitError,
    UnknownOutcomeError,
    UnsupportedCallError,
    read_journal,
)
from fibonacci.emulator import Emulator
from tests.batch.shared_clock import SharedClock
from tests.cli.invocation import invoke
from tests.cli.mcp_server.serving import tools_of
from tests.deployment.flows import Flows, definition
from tests.kit.mode import Mode, both_modes
from tests.kit.nodes import tool

GREETER = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
RESTER = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}
EXECUTE = "POST /api/v1/workflows/{workflow_id}/execute"


@pytest.fixture
def emulator() -> Emulator:
    """Return the platform, whose time the clients' clock moves; a test that needs a socket enters it."""
    return Emulator(time="manual")


@pytest.fixture
def old_client(mode: Mode, emulator: Emulator) -> Any:
    """Return a client in the test's mode, in process."""
    make = emulator.async_client if mode.is_async else emulator.client
    clock: Any = SharedClock(emulator).in_mode(is_async=mode.is_async)
    return mode.close_later(make(api_version="0.2", clock=clock))


def test_workflows_are_found_run_and_waited_for(mode: Mode, emulator: Emulator, old_client: Any) -> None:
    workflows, executions = old_client.workflows, old_client.executions
    for number in range(101):  # more than on one page
        emulator.client().workflows.create(name=f"Workflow {number}", definition=GREETER)
    made = mode.run(workflows.ensure(name="Rester", definition=RESTER))
    assert mode.run(workflows.ensure(name="Rester", definition=RESTER)) == made
    slower = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"}, timeout=99)]}
    assert mode.run(workflows.ensure(name="Rester", definition=slower)).version == made.version + 1
    assert mode.run(workflows.ensure(name="Rester", definition=slower)).version == made.version + 1
    assert mode.run(workflows.find("Workflow 100")).name == "Workflow 100"
    assert mode.run(workflows.find("rester")) is None
    assert len(mode.run(workflows.list())) == 102
    emulator.fail("GET /api/v1/workflows", status=422)  # of a larger limit than is allowed
    assert mode.run(workflows.find("Workflow 100")).name == "Workflow 100"

    updates: list[Any] = []
    ran = mode.run(workflows.run(made.id, inputs={"seconds": 5}, on_update=updates.append))
    assert (ran.succeeded, ran.inputs, ran.duration_ms) == (True, {"seconds": 5}, 5000)
    assert [each.status for each in updates] == ["running", "completed"]
    started = [mode.run(workflows.execute(made.id, inputs={"seconds": each})) for each in (3, 1, 2)]
    ended = mode.run(executions.wait_all([each.id for each in started]))
    assert [(each.id, each.status) for each in ended] == [(each.id, "completed") for each in started]
    last = mode.run(workflows.execute(made.id, inputs={"seconds": 9}))
    assert [each.status for each in mode.run(executions.watch(last.id))] == ["running", "completed"]
    listed = mode.run(executions.list(workflow_id=made.id, status="completed", page_size=2))
    assert [each.id for each in listed] == [last.id, *(each.id for each in reversed(started)), ran.id]

    unset = {"nodes": [{"id": "ask", "type": "llm", "instruction": "{{memory.tone}}"}]}
    failing = mode.run(workflows.create(name="Failing", definition=unset))
    with pytest.raises(ExecutionFailedError, match="tone"):
        mode.run(workflows.run(failing.id))
    with pytest.raises(UnsupportedCallError):
        mode.run(workflows.run(made.id, cancel_on_exit=True))


def test_a_rate_limit_is_waited_for(mode: Mode, emulator: Emulator, old_client: Any) -> None:
    began = emulator.clock.now()
    emulator.fail("GET /api/v1/tools", "rate_limit", retry_after=20, times=2)
    assert "web_search" in [each.name for each in mode.run(old_client.tools.list())]
    assert emulator.clock.now() - began >= 40
    emulator.rate_limit, before = (2, 30.0), emulator.clock.now()
    for _ in range(6):
        mode.run(old_client.tools.get("web_search"))
    assert emulator.clock.now() - before >= 60
    emulator.rate_limit = None
    emulator.fail("GET /api/v1/tools/{tool_name}", "rate_limit", retry_after=400)
    with pytest.raises(RateLimitError) as caught:
        mode.run(old_client.tools.get("web_search"))
    assert caught.value.retry_after == 400


def test_memory_over_a_socket(mode: Mode, emulator: Emulator) -> None:
    workflow = emulator.client().workflows.create(name="x")
    places: list[dict[str, Any]] = [
        {},
        {"workflow_id": workflow.id},
        {"scope": "user", "user_id": "ada"},
        {"scope": "organization"},
        {"scope": "global"},
    ]
    with emulator:
        root = emulator.base_url.removesuffix("/v1")
        memory = mode.client(emulator.api_key, base_url=root, api_version="0.2").memory
        for number, place in enumerate(places):
            assert mode.run(memory.set("team/tone é", number, ttl=3600, **place)).expires_at is not None
        for number, place in enumerate(places):
            assert mode.run(memory.get("team/tone é", **place)).value == number
            mode.run(memory.delete("team/tone é", **place))
            with pytest.raises(NotFoundError):
                mode.run(memory.get("team/tone é", **place))


@both_modes
def test_many_rows_with_a_journal(mode: Mode, emulator: Emulator, old_client: Any, tmp_path: Path) -> None:
    workflow = mode.run(old_client.workflows.create(name="Greeter", definition=GREETER)).id
    rows = [{"name": f"n{number}"} for number in range(12)]

    def batch(**options: Any) -> Any:
        return old_client.workflows.run_many(workflow, rows, key="name", journal=tmp_path / "rows.db", **options)

    emulator.fail(EXECUTE, "no_reply", times=3)  # they are started, and nobody knows
    with pytest.raises(UnknownOutcomeError, match="3 of the rows"):
        mode.each(batch())
    again: list[Any] = []
    with read_journal(tmp_path / "rows.db") as journal:  # the list of this API has no inputs
        for row in list(journal.rows("unknown")):
            (name,) = {
                each.id for each in row.candidates if mode.run(old_client.executions.get(each.id)).inputs == row.inputs
            }
            journal.settle(row.key, execution_id=name)
    mode.each(batch(), again.append)
    assert {each.status for each in again} == {"completed"}
    assert {each.key for each in again} == {each["name"] for each in rows}
    assert len(mode.run(old_client.executions.list(workflow_id=workflow))) == 12  # no row has run twice


def test_a_folder_is_deployed_and_pulled(mode: Mode, old_client: Any, tmp_path: Path) -> None:
    flows = Flows(mode, old_client, tmp_path)
    flows.write_three()
    flows.apply()
    assert flows.is_deployed()
    flows.write("a.yaml", "flow-a", "Greet warmly")
    (tmp_path / "c.yaml").unlink()
    flows.apply(allow_delete=True)
    assert flows.is_deployed()
    names = {each.name for each in mode.run(old_client.workflows.list())}
    assert names == {"flow-a", "flow-b"}
    found = mode.run(old_client.workflows.find("flow-a"))
    mode.run(old_client.workflows.update(found.id, definition=definition("flow-a", "Greet kindly")))
    assert "Greet kindly" in flows.pull(found.id).read_text("utf-8")
    assert flows.is_deployed()


def use_old_api(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the command use the API of 0.2 of an emulator."""
    monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(folder))
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url.removesuffix("/v1"))
    monkeypatch.setenv("FIBONACCI_API_VERSION", "0.2")


def test_the_command(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    workflow = emulator.client().workflows.create(name="Greeter", definition=GREETER)
    with emulator:
        use_old_api(emulator, monkeypatch, tmp_path)
        assert [each["id"] for each in invoke("workflows", "list", "--json").data] == [workflow.id]
        ran = invoke("run", "Greeter", "--input", "name=Ada", "--json")
        assert (ran.code, ran.data["outputs"]) == (0, {"greet": "[default model] Greet Ada"})
        before = len(emulator.requests)
        for command in (["versions", "list", workflow.id], ["health", "check"]):
            refused = invoke(*command)
            assert (refused.code, refused.out) == (64, "")
            assert "is not in the API of fibonacci-sdk 0.2.4" in refused.err
        assert len(emulator.requests) == before


@pytest.mark.slow
def test_tools_of_an_mcp_server(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mcp import Client

    emulator.client().workflows.create(name="Greeter", definition=GREETER)
    found: list[Any] = []

    async def connect_here(server: Any, say: object) -> None:
        async with Client(server, mode="auto") as client:
            found.extend(await tools_of(client))
            found.append((await client.call_tool("run_greeter", {"name": "Ada"})).structured_content["outputs"])

    monkeypatch.setattr("fibonacci.cli.mcp_server.transports.serve_stdio", connect_here)
    with emulator:
        use_old_api(emulator, monkeypatch, tmp_path)
        assert invoke("mcp", "--allow", "Greeter").code == 0
    # Without cancel_execution: that API has no such call.
    tools = ["run_greeter", "list_executions", "get_execution", "read_output", "validate_definition", "read_docs"]
    assert found == [*tools, {"greet": "[default model] Greet Ada"}]
