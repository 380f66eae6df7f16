"""Storms of cancellations leave the pool whole, and no connection or task behind.

`FIBONACCI_TEST_PROFILE=long` runs them for 30 s in place of half a second.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from fibonacci import AsyncFibonacci, FibonacciError
from fibonacci.transports import AsyncSocketTransport
from tests.kit.certificates import Authority
from tests.kit.clock import Standstill
from tests.kit.limits import limits_of
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import OK_BODY, head, ok, raw_then_reset

SECONDS = 30.0 if os.environ.get("FIBONACCI_TEST_PROFILE") == "long" else 0.5
TASKS = 50
# Also where the machine stops the storm for seconds:
CANCELED_AT_LEAST = 200
RECEIVED_AT_LEAST = 50
FINE = {"fine": True}


def _sluggish(peer: Peer) -> None:
    """Respond in parts, with random pauses, and sometimes not at all: a cancellation may come at every step."""
    step = random.random() * 0.01
    if random.random() < 0.05:
        raw_then_reset(b"")(peer)
        return
    peer.pause(step)
    peer.send(head(200, length=len(OK_BODY)))
    peer.pause(step)
    peer.send(OK_BODY[:10])
    peer.pause(step)
    peer.send(OK_BODY[10:])


def _is_enough(cancelled: int, server: ScriptedServer) -> bool:
    return cancelled > CANCELED_AT_LEAST and len(server.requests) > RECEIVED_AT_LEAST


async def _storm(client: AsyncFibonacci, server: ScriptedServer) -> int:
    """Make calls in cancel scopes, which also cancel the cleanup of a canceled call."""
    cancelled = 0
    ends = anyio.current_time() + SECONDS
    # Fifty handshakes take a while: without patience for them every call would be canceled in its own.
    patience = 0.25 if client.base_url.startswith("https") else 0.06

    async def call() -> None:
        nonlocal cancelled
        while anyio.current_time() < ends or not _is_enough(cancelled, server):
            with anyio.move_on_after(random.random() * patience) as scope:
                with suppress(FibonacciError):
                    await client.request("GET", "/x")
            cancelled += scope.cancelled_caught

    async with anyio.create_task_group() as group:
        for _ in range(TASKS):
            group.start_soon(call)
    return cancelled


async def _calm(client: AsyncFibonacci, transport: AsyncSocketTransport, server: ScriptedServer) -> None:
    """Check that everything is as before the storm."""
    server.default = ok
    with Standstill() as standstill:
        began = time.monotonic()
        for _ in range(100):
            assert await client.request("GET", "/x") == FINE
        assert time.monotonic() - began - standstill.seconds < 5
    assert limits_of(server).in_flight == 0
    await client.aclose()
    await transport.aclose()
    for _ in range(200):
        if not server.live_connections:
            break
        await anyio.sleep(0.01)
    assert server.live_connections == 0


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_storm_leaves_nothing_behind(backend: str, tmp_path: Path) -> None:
    """Over TLS, with calls that queue."""
    authority = Authority.made_in(tmp_path)
    cancelled = 0

    async def main() -> None:
        nonlocal cancelled
        transport = AsyncSocketTransport(max_connections=7, ca_bundle=authority.file)
        client = AsyncFibonacci(server.api_key, base_url=server.base_url, timeout=5, max_retries=1, transport=transport)
        cancelled = await _storm(client, server)
        if backend != "trio":
            assert asyncio.all_tasks() == {asyncio.current_task()}
        await _calm(client, transport, server)
        if backend != "trio":
            assert asyncio.all_tasks() == {asyncio.current_task()}

    with ScriptedServer(_sluggish, tls=authority.good()) as server:
        anyio.run(main, backend=backend)
    assert cancelled > CANCELED_AT_LEAST
    assert len(server.requests) > RECEIVED_AT_LEAST + 100  # a hundred are of the calm afterward
    assert server.connections > 7  # canceled calls took theirs with them


def test_a_canceled_call_closes_its_connection_and_no_other() -> None:
    def stall_when_told(peer: Peer) -> None:
        if peer.request.target.endswith("/stall"):
            peer.stall()
        else:
            ok(peer)

    async def main() -> None:
        async with AsyncFibonacci(server.api_key, base_url=server.base_url) as client:
            await client.request("GET", "/x")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.request("GET", "/stall")
            assert await client.request("GET", "/x") == FINE
            assert await client.request("GET", "/x") == FINE

    with ScriptedServer(stall_when_told) as server:
        asyncio.run(main())
    assert server.connections == 2
    assert len(server.requests) == 4
