"""Progress of a call, as its client requested it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio

from fibonacci.models import Execution

SendProgress = Callable[[float, float | None, str | None], Awaitable[None]]

_INTERVAL: Final = 10.0
"""Seconds between notifications without news, by which a client sees that the call is alive."""


class ProgressReporter:
    """Reports the seconds since a call began, which always increase, with the state of its execution as the message.

    Args:
        send: Sends one notification: the progress, the total (unknown), the message.
        node_count: The number of nodes of the workflow; 0 if it is not known.
    """

    def __init__(self, send: SendProgress, node_count: int = 0) -> None:
        self._send = send
        self._node_count = node_count
        self._began = anyio.current_time()
        self._last = 0.0
        self._message = "starting"

    async def update(self, execution: Execution) -> None:
        """Report the state of the execution."""
        done = execution.nodes_executed
        nodes = f", {done} of {self._node_count} nodes" if done is not None and done <= self._node_count else ""
        self._message = f"{execution.id}: {execution.status}{nodes}"
        await self._report()

    @asynccontextmanager
    async def beating(self) -> AsyncGenerator[None]:
        """Report at intervals while the block runs."""
        beat = asyncio.create_task(self._beat())  # not in a group, which would wrap the errors of the block
        try:
            yield
        finally:
            beat.cancel()

    async def _beat(self) -> None:
        while True:
            await self._report()
            await anyio.sleep(_INTERVAL)

    async def _report(self) -> None:
        elapsed = round(anyio.current_time() - self._began, 3)
        self._last = max(elapsed, self._last + 0.001)
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the client has left
            await self._send(self._last, None, self._message)
