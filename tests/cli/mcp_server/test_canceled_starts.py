"""A call that is canceled while the request that starts its execution is on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from fibonacci import AsyncFibonacci
from fibonacci.cli.mcp_server.runs import ProgressReporter
from fibonacci.emulator import Emulator
from tests.cli.mcp_server.serving import awaited, waiting

if TYPE_CHECKING:
    from fibonacci.cli.mcp_server.runs import WorkflowRunner
    from fibonacci.cli.mcp_server.workflow_tools import WorkflowTool

EXECUTE = "POST /workflows/{id}/execute"


async def cancel_start(emulator: Emulator) -> list[str]:
    """Run a workflow, cancel the call when its request has been sent, and return what the operator is told."""
    from fibonacci.cli.mcp_server.runs import WorkflowRunner
    from fibonacci.cli.mcp_server.workflow_tools import workflow_tools

    said: list[str] = []
    (tool,) = workflow_tools([emulator.client().workflows.create(name="Slow", definition=waiting(600))]).values()
    async with AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
        runner = WorkflowRunner(client, wait=30, say=said.append)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, runner, tool)
            with anyio.fail_after(10):
                while not emulator.failures.delivered:
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
    return said


async def run(runner: WorkflowRunner, tool: WorkflowTool) -> None:
    """Run a workflow for a client that requested no progress."""
    await runner.run(tool, {}, ProgressReporter(no_progress))


async def no_progress(done: float, total: float | None, message: str | None) -> None:
    """Send nothing."""


@awaited
async def test_an_execution_that_starts_all_the_same_is_canceled() -> None:
    with Emulator() as emulator:
        emulator.fail(EXECUTE, "delay", seconds=0.2)
        said = await cancel_start(emulator)
        execution = emulator.client().executions.list().first()
        assert execution is not None
        assert execution.status == "cancelled"
        assert said == [f"{execution.id}: canceled, because its request was canceled"]


@awaited
async def test_one_that_may_have_started_is_reported() -> None:
    with Emulator() as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setattr("fibonacci.cli.mcp_server.runs._CANCEL", 0.1)
        emulator.fail(EXECUTE, "stall")
        said = await cancel_start(emulator)
        assert len(said) == 1
        assert said[0].startswith("run_slow: its call was canceled before the platform returned an execution")


@awaited
async def test_one_that_cannot_be_canceled_is_reported() -> None:
    with Emulator() as emulator:
        emulator.fail(EXECUTE, "delay", seconds=0.2)
        emulator.fail("POST /executions/{id}/cancel", status=403)
        said = await cancel_start(emulator)
        execution = emulator.client().executions.list().first()
        assert execution is not None
        assert said[0].startswith(f"{execution.id}: canceling it failed, so it may still be running: POST /executions/")
