"""Other event loops: uvloop, and gevent's greenlets in place of threads."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest

from fibonacci import APITimeoutError, AsyncFibonacci
from tests.faults.calls import KEY
from tests.kit.certificates import Authority
from tests.kit.clock import Standstill
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok
from tests.kit.systems import linux_only

pytestmark = pytest.mark.slow

T = TypeVar("T")
FINE = {"fine": True}
PAUSE = 0.2
MANY = 20


def slow(peer: Peer) -> None:
    peer.pause(PAUSE)
    ok(peer)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(slow) as server:
        yield server


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
class TestUvloop:
    def test_calls_at_once_over_tls_with_large_bodies(self, authority: Authority, standstill: Standstill) -> None:
        body = {"text": "x" * (1 << 20)}
        with ScriptedServer(slow, tls=authority.good()) as server:

            async def main() -> list[Any]:
                async with AsyncFibonacci(KEY, base_url=server.base_url, ca_bundle=authority.file) as client:
                    calls = (client.request("POST", "/x", json=body) for _ in range(MANY))
                    return await asyncio.gather(*calls)

            began = time.monotonic()
            assert _run(main) == [FINE] * MANY
            assert time.monotonic() - began - standstill.seconds < MANY * PAUSE / 2
        assert server.connections == MANY
        assert {request.json["text"] for request in server.requests} == {body["text"]}

    def test_a_timeout_and_a_cancellation(self, standstill: Standstill) -> None:
        began = time.monotonic()
        with ScriptedServer(lambda peer: peer.stall()) as server:

            async def main() -> None:
                async with AsyncFibonacci(KEY, base_url=server.base_url, max_retries=0) as client:
                    with pytest.raises(APITimeoutError):
                        await client.with_options(timeout=0.3).request("GET", "/x")
                    call = asyncio.ensure_future(client.request("GET", "/x"))
                    while server.connections < 2:
                        await asyncio.sleep(0.01)
                    call.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await call
                    server.default = ok
                    assert await client.request("GET", "/x") == FINE

            _run(main)
        assert time.monotonic() - began - standstill.seconds < 3
        assert server.connections == 3


def _run(main: Callable[[], Awaitable[T]]) -> T:
    import uvloop  # where there is one

    async def entered() -> T:
        assert "uvloop" in type(asyncio.get_running_loop()).__module__
        return await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(entered())


# It begins as an application does that uses gevent.
GREENLETS = """
from gevent import monkey
monkey.patch_all()
import sys
import time
import gevent
from fibonacci import APITimeoutError, Fibonacci

slow, stalling = sys.argv[1:]


def ended(client):
    try:
        return client.request("GET", "/x")
    except APITimeoutError as error:
        return error


def calls_at_once():
    client = Fibonacci("key", base_url=slow)
    client.request("GET", "/x")
    for _ in range(2):
        calls = [gevent.spawn(client.request, "GET", "/x") for _ in range(MANY)]
        began = time.monotonic()
        gevent.joinall(calls)
        yield time.monotonic() - began < MANY * PAUSE / 2
        yield [call.value for call in calls] == [{"fine": True}] * MANY


def a_greenlet_in_a_call_stops_no_other():
    call = gevent.spawn(ended, Fibonacci("key", base_url=stalling, max_retries=0, timeout=20))
    turns = 0
    while turns < 20 and not call.ready():  # after a call that stopped the others, the first turn would be the last
        gevent.sleep(0.01)
        turns += 1
    yield turns
    call.kill()
    yield type(ended(Fibonacci("key", base_url=stalling, max_retries=0, timeout=0.4))).__name__


for check in (calls_at_once, a_greenlet_in_a_call_stops_no_other):
    print(check.__name__, *check(), sep=", ")
"""


@linux_only
def test_greenlets_wait_beside_each_other(server: ScriptedServer) -> None:
    program = GREENLETS.replace("MANY", str(MANY)).replace("PAUSE", str(PAUSE))
    # Coverage measures threads, and would take greenlets for one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    with ScriptedServer(lambda peer: peer.stall()) as stalling:
        script = [sys.executable, "-W", "error::ResourceWarning", "-c", program, server.base_url, stalling.base_url]
        run = subprocess.run(script, capture_output=True, check=False, env=environment, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [
        "calls_at_once, True, True, True, True",
        "a_greenlet_in_a_call_stops_no_other, 20, APITimeoutError",
    ]
    assert server.connections == MANY
