"""Storms of cancellations leave the pool whole, and no connection or task behind.

`FIBONACCI_TEST_PROFILE=long` runs them for 30 s in place of a fifth of a second.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import anyio
import httpx
import httpx2
import pytest

from fibonacci import AsyncFibonacci, FibonacciError
from fibonacci.transports import AsyncSocketTransport
from tests.faults.calls import KEY
from tests.faults.transports import NO_AUTHORITIES
from tests.kit.assertions import appears, check_rows
from tests.kit.certificates import Authority
from tests.kit.clock import Standstill
from tests.kit.limits import limits_of
from tests.kit.listener import Listener
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import OK_BODY, head, ok, raw_then_reset

SECONDS = 30.0 if os.environ.get("FIBONACCI_TEST_PROFILE") == "long" else 0.2
TASKS = 50
# Also where the machine stops the storm for seconds:
CANCELED_AT_LEAST = 100
RECEIVED_AT_LEAST = 30
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
        for _ in range(20):
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
    assert len(server.requests) > RECEIVED_AT_LEAST + 20  # these are of the calm afterward
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


class HalfwayServer(Listener):
    """Accepts, opens a tunnel when it is asked for one, and says nothing to what needs more: TLS, or SOCKS.

    Attributes:
        reached: Set when a client waits for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()

    def serve(self, sock: socket.socket, number: int) -> None:
        if sock.recv(65536).startswith(b"CONNECT"):
            sock.sendall(head(200))
            sock.recv(65536)
        self.reached.set()
        while sock.recv(65536):
            pass


@pytest.mark.parametrize("proxy", [None, "http", "socks5"])
def test_httpx_closes_a_connection_that_is_canceled_before_it_is_whole(proxy: str | None) -> None:
    """By itself it would leave it to the garbage collector, which warns of it."""

    async def main(library: ModuleType, server: HalfwayServer) -> None:
        url = None if proxy is None else f"{proxy}://127.0.0.1:{server.port}"
        limits = library.Limits(max_connections=1)
        async with library.AsyncClient(verify=NO_AUTHORITIES, proxy=url, limits=limits) as http:
            client = AsyncFibonacci(KEY, base_url=f"https://127.0.0.1:{server.port}/v1", http_client=http)
            for _ in range(1 if proxy == "socks5" else 2):  # httpcore 1.0 never gets the place in its pool back
                server.reached.clear()
                async with anyio.create_task_group() as group:
                    group.start_soon(client.request, "GET", "/x")
                    assert await anyio.to_thread.run_sync(server.reached.wait, 5)
                    group.cancel_scope.cancel()
                assert await anyio.to_thread.run_sync(appears, lambda: server.live_connections == 0)

    def check(row: tuple[ModuleType, str]) -> None:
        with HalfwayServer() as server:
            anyio.run(main, row[0], server, backend=row[1])

    rows = [(library, backend) for library, backend in ((httpx, "asyncio"), (httpx2, "trio"))]
    check_rows(((f"{library.__name__}, {backend}", (library, backend)) for library, backend in rows), check, at_once=4)
