"""Servers of an emulator's workflows, for the official client, which is loaded by the tests that use it."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import anyio
import httpx

from fibonacci import AsyncFibonacci
from fibonacci.emulator import Emulator
from fibonacci.models import Workflow
from tests.cli.invocation import environment

if TYPE_CHECKING:
    from mcp import Client, StdioServerParameters
    from mcp_types import CallToolResult, Tool

TOKEN = "a-token-of-the-tests"
OPENING = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}
GREETING = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}


P = ParamSpec("P")


def awaited(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test to its end."""

    @wraps(test)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        asyncio.run(test(*arguments, **named))

    return run


def waiting(seconds: float) -> dict[str, Any]:
    """Return the definition of a workflow that takes so many seconds."""
    return {"nodes": [{"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": seconds}}]}


@asynccontextmanager
async def in_process(
    emulator: Emulator,
    *workflows: Workflow,
    wait: float = 30,
    said: list[str] | None = None,
    mode: str = "auto",
    message_handler: Any = None,
    **options: Any,
) -> AsyncGenerator[Client]:
    """Connect a client to a server in this process; the options are those of the server's own client."""
    from mcp import Client

    from fibonacci.cli.mcp_server.server import WorkflowServer
    from fibonacci.cli.mcp_server.workflow_tools import workflow_tools

    messages: list[str] = [] if said is None else said
    async with emulator.async_client(**options) as client:
        server = WorkflowServer(client, workflow_tools(workflows), wait=wait, say=messages.append)
        async with Client(server.protocol_server(), mode=mode, message_handler=message_handler) as connected:
            yield connected


def on_stdio(emulator: Emulator, folder: Path, *options: str) -> StdioServerParameters:
    """Return the server as a client starts it."""
    from mcp import StdioServerParameters

    return StdioServerParameters(
        command=sys.executable,
        args=["-W", "error", "-m", "fibonacci.cli", "mcp", *options],
        env=environment(emulator, folder),
    )


@asynccontextmanager
async def http_here(emulator: Emulator) -> AsyncGenerator[str]:
    """Serve all workflows on a free port in this process until the block ends: then a signal ends the server."""
    from sse_starlette.sse import AppStatus

    from fibonacci.cli.mcp_server.server import WorkflowServer
    from fibonacci.cli.mcp_server.transports import serve_http
    from fibonacci.cli.mcp_server.workflow_tools import workflow_tools

    tools = workflow_tools(list(emulator.client().workflows.list()))
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
        server = WorkflowServer(client, tools, wait=30, say=print).protocol_server()
        serving = asyncio.ensure_future(serve_http(server, ("127.0.0.1", 0), TOKEN, ready.set_result))
        url = await ready
        async with httpx.AsyncClient(trust_env=False) as http:  # once it responds, it handles signals
            assert (await http.get(url)).status_code == 401
        try:
            yield url
        finally:
            signal.raise_signal(signal.SIGTERM)
            with anyio.CancelScope(shield=True):
                assert await serving == signal.SIGTERM
            AppStatus.should_exit = False  # else streams of the next server in this process would end at once
            for name in ("uvicorn.error", "mcp"):
                logging.getLogger(name).setLevel(logging.NOTSET)


@asynccontextmanager
async def http_client(url: str, mode: str = "auto") -> AsyncGenerator[Client]:
    """Connect a client to a server over HTTP, with its token."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


async def tools_of(client: Client) -> dict[str, Tool]:
    """Return the tools of a server, by name."""
    return {tool.name: tool for tool in (await client.list_tools()).tools}


def mcp_error() -> type[Exception]:
    """Return the class of the errors that a server responds with."""
    from mcp import MCPError

    return MCPError


def text_of(result: CallToolResult) -> str:
    """Return the text of a result."""
    from mcp_types import TextContent

    texts: Sequence[Any] = result.content
    assert len(texts) == 1
    assert isinstance(texts[0], TextContent)
    return texts[0].text


@contextmanager
def raw_stdio(emulator: Emulator, folder: Path, *options: str) -> Generator[subprocess.Popen[str]]:
    """Start a server on pipes; kill it at the end."""
    parameters = on_stdio(emulator, folder, *options)
    with subprocess.Popen(
        [parameters.command, *parameters.args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=parameters.env,
        bufsize=1,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def send(process: subprocess.Popen[str], message: dict[str, Any]) -> None:
    """Send a message to a server on pipes."""
    assert process.stdin is not None
    process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
