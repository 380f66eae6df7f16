"""The server over its transports, with the official client and both generations of the protocol."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import httpx
import pytest

from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from tests.cli.mcp_server.serving import (
    GREETING,
    OPENING,
    TOKEN,
    awaited,
    http_client,
    http_here,
    mcp_error,
    on_stdio,
    raw_stdio,
    send,
    tools_of,
    waiting,
)

if TYPE_CHECKING:
    from mcp import Client

PATIENCE = 20.0


class ServedPlatform(NamedTuple):
    """An emulator with the workflows Greeter and Slow.

    Attributes:
        emulator: The emulator.
        folder: A folder for configuration.
    """

    emulator: Emulator
    folder: Path

    def latest(self) -> Execution:
        """Return the latest execution."""
        found = self.emulator.client().executions.list(page_size=1).first()
        assert found is not None
        return found

    def is_latest(self, status: str) -> bool:
        """Tell whether the latest execution has a status."""
        return self.latest().status == status


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedPlatform]:
    with Emulator() as emulator:
        client = emulator.client()
        client.workflows.create(name="Greeter", definition=GREETING)
        client.workflows.create(name="Slow", definition=waiting(600))
        client.workflows.execute(client.workflows.create(name="Empty").id)  # so that there is a latest execution
        yield ServedPlatform(emulator, tmp_path)


class ReportedProgress:
    """Keeps the progress that a server reports.

    Attributes:
        values: The progress.
        messages: The messages.
    """

    def __init__(self) -> None:
        self.values: list[float] = []
        self.messages: list[str] = [""]

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.values.append(progress)
        self.messages.append(message or "")


async def run_slow(client: Client, reported: ReportedProgress | None = None) -> None:
    """Run the workflow that takes long."""
    await client.call_tool("run_slow", {}, progress_callback=reported)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true."""
    with anyio.fail_after(PATIENCE):
        while not condition():
            await anyio.sleep(0.02)


async def check_lists_runs_and_cancels(served: ServedPlatform, client: Client) -> None:
    """Check that a client lists tools, has the outputs of one, and cancels another whose progress it is told."""
    assert list(await tools_of(client))[:2] == ["run_greeter", "run_slow"]
    reported = ReportedProgress()
    result = await client.call_tool("run_greeter", {"name": "Ada"}, progress_callback=reported)
    assert result.structured_content["outputs"] == {"greet": "[default model] Greet Ada"}

    before = served.latest()
    reported = ReportedProgress()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_slow, client, reported)
        await until(lambda: "running, 0 of 1 node" in reported.messages[-1])
        tasks.cancel_scope.cancel()
    await until(lambda: served.latest().status == "cancelled")
    assert served.latest().id != before.id
    assert reported.messages[1] == "starting"
    assert reported.messages[-1].startswith(served.latest().id)
    assert reported.values == sorted(set(reported.values))
    again = await client.call_tool("run_greeter", {"name": "Bob"})  # the session goes on
    assert not again.is_error


async def leave_in_a_run(served: ServedPlatform, client: Client, connection: anyio.CancelScope) -> None:
    """Begin the workflow that takes long, and end the connection of the client."""
    before = served.latest().id
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_slow, client)
        await until(lambda: served.latest().id != before)
        connection.cancel()


@pytest.mark.parametrize("mode", ["auto", pytest.param("legacy", marks=pytest.mark.slow)])
@awaited
async def test_a_client_over_http_lists_runs_and_cancels(served: ServedPlatform, mode: str) -> None:
    async with http_here(served.emulator) as url, http_client(url, mode) as client:
        await check_lists_runs_and_cancels(served, client)


@pytest.mark.slow
@awaited
async def test_a_client_over_http_that_leaves(served: ServedPlatform) -> None:
    async with http_here(served.emulator) as url:
        # The earlier protocol takes a lost connection for no cancellation.
        for mode, status in (("auto", "cancelled"), ("legacy", "running")):
            with anyio.CancelScope() as connection:
                async with http_client(url, mode) as client:
                    await leave_in_a_run(served, client, connection)
            await until(partial(served.is_latest, status))


@awaited
async def test_a_server_over_http_ends_when_it_has_canceled_what_runs(served: ServedPlatform) -> None:
    async def run(url: str) -> None:
        with suppress(mcp_error()):  # on leaving, which the server is no longer there for
            async with http_client(url) as client:
                with pytest.raises(mcp_error(), match="ended without a response"):
                    await run_slow(client, ReportedProgress())

    before = served.latest().id
    served.emulator.fail("POST /executions/{id}/cancel", "delay", seconds=0.3)
    async with anyio.create_task_group() as tasks:
        async with http_here(served.emulator) as url:
            tasks.start_soon(run, url)
            await until(lambda: served.latest().id != before)
        assert served.latest().status == "cancelled"


@pytest.mark.slow
@awaited
async def test_a_client_on_stdio_lists_runs_cancels_and_leaves(served: ServedPlatform) -> None:
    from mcp import Client

    with anyio.CancelScope() as connection:
        async with Client(on_stdio(served.emulator, served.folder, "--allow", "Greeter", "Slow")) as client:
            await check_lists_runs_and_cancels(served, client)
            await leave_in_a_run(served, client, connection)
    await until(lambda: served.latest().status == "cancelled")


REFUSED = [
    ({"Authorization": ""}, 401),
    ({"Authorization": "Bearer wrong"}, 401),
    ({"Authorization": TOKEN}, 401),
    ({"Host": "attacker.example"}, 421),
    ({"Host": "127.0.0.1:1"}, 421),
    ({"Origin": "https://attacker.example"}, 403),
    ({"Origin": "null"}, 403),
]
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
}
VERSIONS = ("2025-11-25", "2026-07-28")


@awaited
async def test_other_programs_and_pages_are_refused(served: ServedPlatform) -> None:
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    async with http_here(served.emulator) as url, httpx.AsyncClient(headers=HEADERS, trust_env=False) as client:
        for version in VERSIONS:
            client.headers["MCP-Protocol-Version"] = version
            for headers, status in REFUSED:
                response = await client.post(url, json=body, headers=headers)
                assert (headers, response.status_code) == (headers, status)
                assert "run_greeter" not in response.text


@pytest.mark.slow
def test_a_signal_ends_a_server_whose_client_says_nothing(served: ServedPlatform) -> None:
    with raw_stdio(served.emulator, served.folder, "--allow", "Greeter") as process:
        assert process.stdout is not None
        send(process, {"id": "first", "method": "initialize", "params": OPENING})
        assert json.loads(process.stdout.readline())["id"] == "first"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
