"""`fibonacci mcp`: workflows as tools for agents, over the Model Context Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fibonacci.cli.exit_codes import DONE, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mcp.server.lowlevel.server import Server

    from fibonacci.cli.context import Context
    from fibonacci.cli.mcp_server.workflow_tools import WorkflowTool
    from fibonacci.cli.parser import CommandParser

    Start = Callable[[Server[Any], Callable[[str], object]], Awaitable[int | None]]

_DEFAULT_WAIT = 50.0  # many clients give up on a call after 60 s, which would cancel the execution
_LONGEST_WAIT = 86_400.0


def add_mcp_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from functools import partial

    from fibonacci.cli.numbers import seconds_up_to

    parser.description = "Serve workflows as tools for agents, over the Model Context Protocol (MCP)."
    parser.add_argument(
        "--allow",
        metavar="ID|NAME",
        action="extend",
        nargs="+",
        default=[],
        help="the workflows that agents may run. Without this option, there are no tools",
    )
    parser.add_argument(
        "--http",
        metavar="[HOST:]PORT",
        help="serve over HTTP on this machine (port 0 takes a free one); default: stdin and stdout",
    )
    parser.add_argument(
        "--wait",
        metavar="TIME",
        type=partial(seconds_up_to, longest=_LONGEST_WAIT),
        default=_DEFAULT_WAIT,
        help=f"how long a call waits for an execution to end, such as 5m; default: {_DEFAULT_WAIT:g} s",
    )


def run_mcp(context: Context) -> int:
    """Read the workflows, and serve them until the client leaves."""
    from importlib.util import find_spec

    if find_spec("mcp") is None:
        raise ImportError("fibonacci mcp needs the package mcp: pip install 'fibonacci-sdk[mcp]'")
    import asyncio
    import signal

    from fibonacci.cli.mcp_server.workflow_tools import workflow_tools
    from fibonacci.cli.workflow_names import workflow_id_of

    start = _transport(context)  # checked before anything is sent
    ids = {workflow_id_of(context.client, reference): None for reference in context.options.allow}
    tools = workflow_tools([context.client.workflows.get(workflow_id) for workflow_id in ids])
    if not tools:
        context.say("no workflow is allowed, so there are no tools: pass --allow ID|NAME")
    if asyncio.run(_serve(context, tools, start)) == signal.SIGINT:
        raise KeyboardInterrupt
    return DONE


async def _serve(context: Context, tools: Mapping[str, WorkflowTool], start: Start) -> int | None:
    from contextlib import suppress

    from fibonacci import AsyncFibonacci
    from fibonacci._profiles.config_file import read_profiles
    from fibonacci._profiles.credentials import find_address, used_profile
    from fibonacci.cli.mcp_server.server import WorkflowServer

    def say(text: str) -> None:
        with suppress(OSError):  # the client no longer reads stderr
            context.say(text)

    address = find_address(used_profile(read_profiles(), context.options.profile))
    async with AsyncFibonacci(profile=context.options.profile) as client:
        can_cancel = address.api_version != "0.2"
        server = WorkflowServer(client, tools, wait=context.options.wait, say=say, can_cancel=can_cancel)
        names = ", ".join(tools) or "no tools"
        return await start(server.protocol_server(), lambda place: context.say(f"serving {names} {place}"))


def _transport(context: Context) -> Start:
    """Return the function that runs a server on its transport, and says where it can be reached."""
    from fibonacci.cli.mcp_server import transports

    if context.options.http is None:
        return transports.serve_stdio
    address = transports.loopback_address(context.options.http)
    token, is_new = transports.access_token()
    if is_new and context.options.quiet:
        raise UsageError(f"--quiet would hide the new token: set {transports.TOKEN_VARIABLE}")

    async def serve(server: Server[Any], say_ready: Callable[[str], object]) -> int | None:
        def say(url: str) -> None:
            say_ready(f"at {url}")
            if is_new:
                context.say(f"clients send the header  Authorization: Bearer {token}")

        return await transports.serve_http(server, address, token, say)

    return serve
