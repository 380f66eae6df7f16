"""The server on stdin and stdout, as a client starts it, and the signals that end it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

import anyio
from mcp.server.stdio import stdio_server

from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.standard_streams import has_stream

if TYPE_CHECKING:
    from mcp.server.lowlevel.server import Server


class EndingSignal:
    """The signal that has ended the server.

    Attributes:
        number: Its number; None if there was none.
    """

    number: int | None = None


@contextmanager
def ending_signals(end: Callable[[], object] | None = None) -> Generator[EndingSignal]:
    """Handle SIGINT and SIGTERM in the running event loop during the block; yield the one that came.

    Args:
        end: Called at each.
    """
    loop, found = asyncio.get_running_loop(), EndingSignal()

    def handle(number: int) -> None:
        found.number = number
        if end is not None:
            end()

    handled: list[int] = []
    try:
        for each in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # on Windows, where Ctrl-C raises KeyboardInterrupt
                loop.add_signal_handler(each, handle, each)
                handled.append(each)
        yield found
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


async def serve_stdio(server: Server[Any]) -> int | None:
    """Serve until stdin ends, or a signal. stdout is the protocol's: what else is printed goes to stderr.

    Returns:
        The number of the signal that ended it; None if stdin has ended. Executions of calls that had not ended are
        canceled either way.

    Raises:
        UsageError: If stdin is closed.
    """
    if not has_stream(sys.stdin):
        raise UsageError("stdin is closed, and an MCP client connects to it: let the client start the command")
    with anyio.CancelScope() as scope, ending_signals(scope.cancel) as ended:
        lines = cast("anyio.AsyncFile[str]", StdinLines(sys.stdin.fileno()))  # which is only iterated
        async with stdio_server(stdin=lines) as (read, write):
            await server.run(read, write, server.create_initialization_options())
    return ended.number


class StdinLines:
    """The lines of a file descriptor. A thread that ends with the process reads it: a read cannot be canceled.

    Args:
        descriptor: The file descriptor.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        Thread(target=self._read, name="stdin", daemon=True).start()

    def __aiter__(self) -> StdinLines:
        return self

    async def __anext__(self) -> str:
        line = await self._lines.get()
        if line is None:
            raise StopAsyncIteration
        return line.decode("utf-8", "replace")

    def _read(self) -> None:
        rest = b""
        with suppress(OSError, RuntimeError):  # the loop has ended before stdin
            while chunk := os.read(self._descriptor, 65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._put(line)
            if rest:
                self._put(rest)
            self._put(None)

    def _put(self, line: bytes | None) -> None:
        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
