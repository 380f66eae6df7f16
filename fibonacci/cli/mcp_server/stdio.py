"""The server on stdin and stdout, as a client starts it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

import anyio
from mcp.server.stdio import stdio_server

if TYPE_CHECKING:
    from mcp.server.lowlevel.server import Server


async def serve_stdio(server: Server[Any]) -> int | None:
    """Serve until stdin ends, or a signal. stdout is the protocol's: what else is printed goes to stderr.

    Returns:
        The number of the signal that ended it; None if stdin has ended. Executions of calls that had not ended are
        canceled either way.
    """
    with _ended_by_signals() as end:
        lines = cast("anyio.AsyncFile[str]", StdinLines(sys.stdin.fileno()))  # which is only iterated
        async with stdio_server(stdin=lines) as (read, write):
            await server.run(read, write, server.create_initialization_options())
    return end.number


class _End:
    """What has ended the server.

    Attributes:
        number: The number of the signal, if it was one.
    """

    number: int | None = None


@contextmanager
def _ended_by_signals() -> Generator[_End]:
    """Cancel the block at SIGINT and SIGTERM, so that what it has begun is canceled in order."""
    loop, end = asyncio.get_running_loop(), _End()
    handled: list[int] = []
    with anyio.CancelScope() as scope:

        def cancel(number: int) -> None:
            end.number = number
            scope.cancel()

        try:
            for each in (signal.SIGINT, signal.SIGTERM):
                with suppress(NotImplementedError):  # on Windows, where Ctrl-C raises KeyboardInterrupt
                    loop.add_signal_handler(each, cancel, each)
                    handled.append(each)
            yield end
        finally:
            for number in handled:
                loop.remove_signal_handler(number)


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
