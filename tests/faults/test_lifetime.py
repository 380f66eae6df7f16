"""Clients live through event loops, threads, forks, pickling, interrupts and the end of the interpreter."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import trio

from fibonacci import APIConnectionError, AsyncFibonacci, Fibonacci, NotFoundError
from fibonacci.transports import SocketTransport
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, error_body, ok, raw_then_reset, raw_then_stall, respond

FINE = {"fine": True}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(ok) as server:
        yield server


def test_one_async_client_in_several_loops_in_turn(server: ScriptedServer) -> None:
    client = AsyncFibonacci(server.api_key, base_url=server.base_url)

    async def call(times: int) -> list[Any]:
        return [await client.request("GET", "/x") for _ in range(times)]

    for _ in range(3):
        assert asyncio.run(call(2)) == [FINE] * 2
        assert trio.run(call, 2) == [FINE] * 2
    assert len(server.requests) == 12
    # Connections are kept within a loop, and never carried into another.
    assert server.connections == 6
    asyncio.run(client.aclose())


def test_one_async_client_in_several_loops_at_once(server: ScriptedServer) -> None:
    client = AsyncFibonacci(server.api_key, base_url=server.base_url)

    async def call(number: int) -> list[Any]:
        path = f"/loop-{number}"
        return [await asyncio.gather(*(client.request("GET", path) for _ in range(4))) for _ in range(2)]

    with ThreadPoolExecutor(4) as threads:
        loops = [threads.submit(asyncio.run, call(number)) for number in range(4)]
        assert all(loop.result() == [[FINE] * 4] * 2 for loop in loops)
    assert len(server.requests) == 32
    pairs = {(request.path, request.connection) for request in server.requests}
    assert len(pairs) == server.connections  # each is of one loop


def test_one_client_in_many_threads(server: ScriptedServer) -> None:
    barrier = threading.Barrier(20)

    def call(_: int) -> list[Any]:
        barrier.wait()
        return [client.request("GET", "/x") for _ in range(3)]

    with Fibonacci(server.api_key, base_url=server.base_url) as client, ThreadPoolExecutor(20) as threads:
        assert list(threads.map(call, range(20))) == [[FINE] * 3] * 20
    assert len(server.requests) == 60
    assert server.connections <= 20


_PROGRAM = """
import asyncio, os, pickle, socket, sys, threading
import fibonacci
client = pickle.load(sys.stdin.buffer)
assert client.request("GET", "/parent") == {"fine": True}
children = []
for number in range(2 if hasattr(os, "fork") else 0):
    child = os.fork()
    if not child:
        results = [client.request("GET", f"/child-{number}") for _ in range(3)]
        os._exit(0 if results == [{"fine": True}] * 3 else 1)
    children.append(child)
assert client.request("GET", "/parent") == {"fine": True}
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * len(children)
assert client.request("GET", "/parent") == {"fine": True}

errors = []
for path in ("/missing", "/reset"):
    try:
        client.request("POST", path)
    except Exception as error:
        errors.append(error)
sys.stdout.buffer.write(pickle.dumps(errors))

async def main():
    # The first call imports a lot, of which asyncio complains in its own debugging mode.
    asyncio.get_running_loop().slow_callback_duration = 60
    client = fibonacci.AsyncFibonacci("key", base_url=sys.argv[1])
    task = asyncio.ensure_future(client.request("GET", "/stall"))
    assert await client.request("GET", "/x") == {"fine": True}
    async for tool in client.tools.list():
        break  # its other pages are not read
    assert (await client.tools.list().first()).name == "wait"
    await asyncio.sleep(0.1)
    assert not task.done()
asyncio.run(main())

threading.Thread(target=lambda: client.request("GET", "/stall"), daemon=True).start()
assert client.request("GET", "/x") == {"fine": True}
socket.getaddrinfo = lambda *args, **options: threading.Event().wait(30)
try:
    client.with_options(base_url="http://hanging.test/v1", timeout=0.1).request("GET", "/x")
except TimeoutError:
    sys.exit(0)
"""
RESPONSES: dict[str, Step] = {
    "/stall": raw_then_stall(b""),
    "/missing": respond(404, error_body()),
    "/reset": raw_then_reset(b""),
    "/tools": respond(200, b'{"data": [{"name": "wait"}, {"name": "x"}], "meta": {"next_cursor": "2"}}'),
}


def _respond(peer: Peer) -> None:
    RESPONSES.get(peer.request.path, ok)(peer)


def test_a_program_ends_without_output_whatever_is_under_way() -> None:
    """A client comes as a pickle and is forked, its errors go back, and calls in a task and in a thread do not end."""
    options: dict[str, Any] = {"allow_insecure": True, "allow_pickled_secrets": True}
    with ScriptedServer(_respond) as server, Fibonacci(server.api_key, base_url=server.base_url, **options) as client:
        assert client.request("GET", "/x") == FINE
        command = [sys.executable, "-W", "error", "-X", "dev", "-c", _PROGRAM, server.base_url]
        run = subprocess.run(command, input=pickle.dumps(client), capture_output=True, timeout=20)
    assert (run.returncode, run.stderr) == (0, b"")
    errors = pickle.loads(run.stdout)
    assert [type(error) for error in errors] == [NotFoundError, APIConnectionError]
    sent = [request for request in server.requests if request.method == "POST"]
    for error, request in zip(errors, sent, strict=True):
        assert (error.method, error.path, error.attempts) == ("POST", request.path, 1)
        assert error.idempotency_key == request.one("idempotency-key")
    # The parent keeps its connection; each child makes its own.
    forked = ["/parent", *(["/child-0", "/child-1"] if hasattr(os, "fork") else [])]
    pairs = {(request.path, request.connection) for request in server.requests if request.path in forked}
    assert len(pairs) == len({connection for _, connection in pairs}) == len(forked)


def test_trio_ends_with_pages_that_are_not_read_to_their_end() -> None:
    async def main(server: ScriptedServer) -> None:
        client = AsyncFibonacci(server.api_key, base_url=server.base_url)
        async for _ in client.tools.list():
            break

    with ScriptedServer(_respond) as server:
        trio.run(main, server)
        gc.collect()  # whatever complains of what is left fails the test


def test_a_closed_client_can_be_used_again(server: ScriptedServer) -> None:
    client = Fibonacci(server.api_key, base_url=server.base_url)
    for _ in range(3):
        assert client.request("GET", "/x") == FINE
        client.close()
        client.close()
    assert server.connections == 3


def test_closing_while_a_call_is_under_way_lets_it_end() -> None:
    closed = threading.Event()
    with ScriptedServer(lambda peer: (closed.wait(10), ok(peer))) as server, ThreadPoolExecutor(1) as threads:
        transport: Any = SocketTransport()
        client = Fibonacci(server.api_key, base_url=server.base_url, transport=transport)
        call: Future[Any] = threads.submit(client.request, "GET", "/x")
        while not server.requests:
            time.sleep(0.005)
        (pool,) = transport._pools.get().values()  # held here, so that nothing is closed as garbage
        transport.close()
        closed.set()
        assert call.result() == FINE
        assert pool.connections == []
    assert server.live_connections == 0
