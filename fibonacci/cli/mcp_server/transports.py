"""How a client reaches the server: over stdin and stdout, or over HTTP on this machine with a token."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import anyio
import uvicorn
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import PlainTextResponse

from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.standard_streams import has_stream

if TYPE_CHECKING:
    from types import FrameType

    from mcp.server.lowlevel.server import Server
    from starlette.types import ASGIApp, Receive, Scope, Send


@contextmanager
def ending_signals(end: Callable[[], object]) -> Generator[list[int]]:
    """Handle SIGINT and SIGTERM in the running event loop during the block, and yield the list of received ones.

    Args:
        end: Called for each.
    """
    loop, ended = asyncio.get_running_loop(), list[int]()

    def handle(number: int) -> None:
        ended.append(number)
        end()

    with suppress(NotImplementedError):  # on Windows, where Ctrl-C raises KeyboardInterrupt
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, handle, number)
    try:
        yield ended
    finally:
        with suppress(NotImplementedError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


async def serve_stdio(server: Server[Any], say_ready: Callable[[str], object]) -> int | None:
    """Serve until stdin ends or a signal arrives. stdout belongs to the protocol, so other output goes to stderr.

    Args:
        server: The server of the protocol.
        say_ready: Called with where it can be reached.

    Returns:
        The number of the signal that ended it, or None if stdin ended. Either way, the executions of unfinished calls
        are canceled.

    Raises:
        UsageError: If stdin or stdout is closed.
    """
    for name, stream in (("stdin", sys.stdin), ("stdout", sys.stdout)):
        if not has_stream(stream):
            raise UsageError(f"{name} is closed, but an MCP client needs it: let the client start the command")
    say_ready("on stdin and stdout for an MCP client")
    with anyio.CancelScope() as scope, ending_signals(scope.cancel) as ended:
        lines: Any = _lines_of(sys.stdin.fileno())  # it is only iterated
        async with stdio_server(stdin=lines) as (read, write):
            await server.run(read, write, server.create_initialization_options())
    return next(iter(ended), None)


async def _lines_of(descriptor: int) -> AsyncGenerator[str]:
    """Yield the lines of a file descriptor. A daemon thread reads them, because a read can't be canceled."""
    loop, chunks = asyncio.get_running_loop(), asyncio.Queue[bytes]()

    def read() -> None:
        with suppress(RuntimeError):  # the loop ended before stdin
            while chunk := os.read(descriptor, 65536):
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            loop.call_soon_threadsafe(chunks.put_nowait, b"")

    Thread(target=read, name="stdin", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")


TOKEN_VARIABLE: Final = "FIBONACCI_MCP_TOKEN"
PATH: Final = "/mcp"
_ADDRESS: Final = re.compile(r"(?:(?P<host>127\.0\.0\.1|localhost|\[::1\]):)?(?P<port>[0-9]{1,5})")
_SHORTEST_TOKEN: Final = 16
_SHUTDOWN: Final = 2
"""How many seconds open connections have at shutdown before their calls are canceled."""
_CANCELING: Final = 15
"""How many seconds the cancellation may then take."""


def loopback_address(text: str) -> tuple[str, int]:
    """Parse `[HOST:]PORT`. Port 0 picks a free port. The host must be out of reach for other machines.

    Raises:
        UsageError: If it isn't an address, or other machines can reach it.
    """
    address = _ADDRESS.fullmatch(text)
    if address is None or int(address["port"]) > 65535:
        raise UsageError(
            f"--http: {text!r} is not a port of this machine, such as 8790 or 127.0.0.1:8790. Whoever reaches the"
            " server can run workflows"
        )
    return "::1" if address["host"] == "[::1]" else "127.0.0.1", int(address["port"])


def access_token() -> tuple[str, bool]:
    """Return the token that clients have to send, and whether it was just created.

    Raises:
        UsageError: If the token in the environment is too short, or can't be sent in a header.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        return secrets.token_urlsafe(32), True
    if len(token) < _SHORTEST_TOKEN or not re.fullmatch(r"[!-~]+", token):
        raise UsageError(
            f"{TOKEN_VARIABLE} must have at least {_SHORTEST_TOKEN} visible ASCII characters. Without it, each"
            " start makes a new token"
        )
    return token, False


async def serve_http(
    server: Server[Any], address: tuple[str, int], token: str, on_ready: Callable[[str], None]
) -> int | None:
    """Serve until a signal arrives, then cancel the executions of unfinished calls.

    Args:
        server: The server of the protocol.
        address: Where to listen.
        token: The token that clients have to send.
        on_ready: Called with the URL, once it can be reached.

    Returns:
        The number of the signal.

    Raises:
        UsageError: If it can't listen on the address.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        listener = socket.create_server(address, family=family)
    except OSError as error:
        raise UsageError(f"--http: port {address[1]} cannot be listened on: {error.strerror or error}") from None
    with listener:
        port: int = listener.getsockname()[1]
        names = [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]
        security = TransportSecuritySettings(allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names])
        app = server.streamable_http_app(streamable_http_path=PATH, transport_security=security)
        options = uvicorn.Config(
            TokenRequired(app, token),
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN,
        )
        on_ready(f"http://{names[2] if family == socket.AF_INET6 else names[0]}{PATH}")
        with ending_signals(
            lambda: None
        ) as ended:  # uvicorn stops at these signals too, and raises them again afterwards
            await HTTPServer(options).serve(sockets=[listener])
        return next(iter(ended), None)


class HTTPServer(uvicorn.Server):
    """An HTTP server that stops quietly, because what it cancels at shutdown isn't an error to report."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, and silence the logs: streams end from now on, some before the server shuts down."""
        for name in ("uvicorn.error", "mcp"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close connections, after giving them time to end."""
        await super().shutdown(sockets)
        if tasks := set(self.server_state.tasks):  # these cancel their executions
            await asyncio.wait(tasks, timeout=_CANCELING)


class TokenRequired:
    """Refuses requests without the token, which other users of the machine and pages in its browsers don't have.

    Args:
        app: The application to protect.
        token: The token.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and not self._has_token(scope):
            response = PlainTextResponse(
                f"Send the token of the server as `Authorization: Bearer TOKEN`; see {TOKEN_VARIABLE}.\n",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _has_token(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        return hmac.compare_digest(scheme.lower() + b" " + token.strip(), self._expected)
