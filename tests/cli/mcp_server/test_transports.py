"""The server over its transports, with the official client and both generations of the protocol."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import httpx
import pytest

from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from tests.cli.mcp_server.hostile import NO_CALLS, NO_MESSAGES, UNANSWERED, HostileMessage, check_answer
from tests.cli.mcp_server.serving import (
    GREETING,
    OPENING,
    TOKEN,
    awaited,
    call,
    http_client,
    mcp_error,
    on_stdio,
    over_http,
    raw_stdio,
    send,
    tools_of,
    waiting,
)
from tests.kit.assertions import check_rows

if TYPE_CHECKING:
    from mcp import Client

PATIENCE = 20.0
CONNECTIONS = [
    pytest.param("stdio", "auto", marks=pytest.mark.slow),
    ("http", "auto"),
    pytest.param("stdio", "legacy", marks=pytest.mark.slow),
    pytest.param("http", "legacy", marks=pytest.mark.slow),
]


class ServedPlatform(NamedTuple):
    """An emulator with the workflows Greeter and Slow, and a server of theirs.

    Attributes:
        emulator: The emulator.
        folder: A folder for configuration.
        url: The address of the server.
    """

    emulator: Emulator
    folder: Path
    url: str

    @asynccontextmanager
    async def connect(self, transport: str, mode: str) -> AsyncGenerator[Client]:
        """Connect a client to the server over HTTP, or to one of its own."""
        if transport == "http":
            async with http_client(self.url, mode) as client:
                yield client
        else:
            from mcp import Client

            parameters = on_stdio(self.emulator, self.folder, "--allow", "Greeter", "Slow")
            async with Client(parameters, mode=mode) as client:
                yield client

    def latest(self) -> Execution:
        """Return the latest execution."""
        found = self.emulator.client().executions.list(page_size=1).first()
        assert found is not None
        return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServedPlatform]:
    folder = tmp_path_factory.mktemp("configuration")
    with Emulator() as emulator:
        client = emulator.client()
        client.workflows.create(name="Greeter", definition=GREETING)
        client.workflows.create(name="Slow", definition=waiting(600))
        client.workflows.execute(client.workflows.create(name="Empty").id)  # so that there is a latest execution
        with over_http(emulator, folder, "--allow", "Greeter", "Slow") as server:
            yield ServedPlatform(emulator, folder, server.url)


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


@pytest.mark.parametrize(("transport", "mode"), CONNECTIONS)
@awaited
async def test_a_client_lists_runs_and_cancels(served: ServedPlatform, transport: str, mode: str) -> None:
    async with served.connect(transport, mode) as client:
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("transport", "mode", "status"),
    [
        ("stdio", "auto", "cancelled"),
        ("stdio", "legacy", "cancelled"),
        ("http", "auto", "cancelled"),
        ("http", "legacy", "running"),  # whose protocol takes a lost connection for no cancellation
    ],
)
@awaited
async def test_a_client_that_leaves(served: ServedPlatform, transport: str, mode: str, status: str) -> None:
    before = served.latest().id
    with anyio.CancelScope() as scope:
        async with served.connect(transport, mode) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(run_slow, client)
            await until(lambda: served.latest().id != before)
            scope.cancel()
    await until(lambda: served.latest().status == status)


@pytest.mark.slow
@awaited
async def test_two_clients_of_one_server(served: ServedPlatform) -> None:
    outputs: list[str] = []

    async def run(client: Client, name: str) -> None:
        result = await client.call_tool("run_greeter", {"name": name})
        outputs.append(result.structured_content["outputs"]["greet"])

    async with (
        http_client(served.url) as first,
        http_client(served.url, "legacy") as second,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(run, first, "Ada")
        tasks.start_soon(run, second, "Bob")
    assert sorted(outputs) == ["[default model] Greet Ada", "[default model] Greet Bob"]


REFUSED = [
    ({"Authorization": ""}, 401),
    ({"Authorization": "Bearer wrong"}, 401),
    ({"Authorization": TOKEN}, 401),
    ({"Host": "attacker.example"}, 421),
    ({"Host": "127.0.0.1:1"}, 421),
    ({"Origin": "https://attacker.example"}, 403),
    ({"Origin": "null"}, 403),
]


@pytest.mark.parametrize("version", ["2025-11-25", pytest.param("2026-07-28", marks=pytest.mark.slow)])
def test_other_programs_and_pages_are_refused(served: ServedPlatform, version: str) -> None:
    usual = {
        "Authorization": f"Bearer {TOKEN}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": version,
    }
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    with httpx.Client(headers=usual, trust_env=False) as client:
        for headers, status in REFUSED:
            response = client.post(served.url, json=body, headers=headers)
            assert (headers, response.status_code) == (headers, status)
            assert "run_greeter" not in response.text


def answer_of(response: httpx.Response) -> dict[str, Any]:
    """Return the message of a response, which may be an event of a stream."""
    events = [line for line in response.text.splitlines() if line.startswith("data: {")]
    answer: dict[str, Any] = json.loads(events[-1].removeprefix("data: ")) if events else response.json()
    return answer


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_each_hostile_message_over_http_has_an_answer(served: ServedPlatform, version: str) -> None:
    usual = {
        "Authorization": f"Bearer {TOKEN}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
    }
    with httpx.Client(headers=usual, trust_env=False) as client:
        opened = client.post(served.url, json={"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": OPENING})
        client.headers.update({"MCP-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": version})

        def check(hostile: HostileMessage) -> None:
            response = client.post(served.url, content=hostile.content)
            assert response.status_code == (400 if hostile in NO_MESSAGES else 200)
            check_answer(hostile, answer_of(response))

        hostile = NO_MESSAGES if version == "2026-07-28" else NO_MESSAGES + NO_CALLS
        check_rows([(message.name, message) for message in hostile], check)
        client.headers["MCP-Protocol-Version"] = "2025-11-25"
        after = client.post(served.url, json={"jsonrpc": "2.0", "id": "after", "method": "ping"})
        assert answer_of(after) == {"jsonrpc": "2.0", "id": "after", "result": {}}


@pytest.mark.slow
def test_each_hostile_message_on_stdio_has_an_answer(served: ServedPlatform) -> None:
    with raw_stdio(served.emulator, served.folder, "--allow", "Greeter") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin.fileno(), process.stdout
        send(process, {"id": "first", "method": "initialize", "params": OPENING})
        assert json.loads(stdout.readline())["id"] == "first"

        def check(hostile: HostileMessage) -> None:
            os.write(stdin, hostile.content + b"\n")
            check_answer(hostile, json.loads(stdout.readline()))

        check_rows([(message.name, message) for message in NO_MESSAGES + NO_CALLS], check)
        os.write(stdin, b"\n".join([*UNANSWERED, b""]))
        send(process, {"id": "after", "method": "ping"})
        assert json.loads(stdout.readline()) == {"jsonrpc": "2.0", "id": "after", "result": {}}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code", "last"), [(signal.SIGTERM, 0, ""), (signal.SIGINT, 130, "interrupted.")])
@awaited
async def test_a_signal_ends_the_server_and_what_it_runs(
    served: ServedPlatform, number: signal.Signals, code: int, last: str
) -> None:
    before = served.latest().id
    with raw_stdio(served.emulator, served.folder, "--allow", "Slow") as process:
        call(process, 1, "run_slow")
        await until(lambda: served.latest().id != before)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert served.latest().status == "cancelled"
    assert last in err
    assert [json.loads(line)["jsonrpc"] for line in out.splitlines()] == ["2.0"] * len(out.splitlines())
    assert served.emulator.api_key not in out + err


@pytest.mark.slow
@awaited
async def test_the_execution_of_a_killed_server_is_found_by_the_next(served: ServedPlatform) -> None:
    before = served.latest().id
    with raw_stdio(served.emulator, served.folder, "--allow", "Slow") as process:
        call(process, 1, "run_slow")
        await until(lambda: served.latest().id != before)
    running = served.latest()
    assert running.status == "running"
    async with http_client(served.url) as client:
        result = await client.call_tool("cancel_execution", {"execution_id": running.id})
        assert result.structured_content["status"] == "cancelled"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["legacy", "auto"])
@awaited
async def test_a_signal_ends_the_server_over_http(served: ServedPlatform, mode: str) -> None:
    before = served.latest().id
    with over_http(served.emulator, served.folder, "--allow", "Slow") as server:

        async def end_server() -> None:
            await until(lambda: served.latest().id != before)
            server.process.terminate()

        with suppress(mcp_error()):  # on leaving, which the server is no longer there for
            async with http_client(server.url, mode) as client, anyio.create_task_group() as tasks:
                tasks.start_soon(end_server)
                with pytest.raises(mcp_error(), match="ended without a response"):
                    await client.call_tool("run_slow", {}, progress_callback=ReportedProgress())
        await until(lambda: server.process.poll() is not None)
        assert server.process.stderr is not None
        said = server.process.stderr.read()
    assert served.latest().status == "cancelled"
    assert said == f"{served.latest().id}: canceled, because its request was canceled\n"
    assert server.process.returncode == 0
