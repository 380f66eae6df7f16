"""Other event loops: uvloop, and gevent's greenlets in place of threads."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from textwrap import dedent
from typing import Any, TypeVar

import pytest

from fibonacci import APITimeoutError, AsyncFibonacci
from tests.faults.black_holes import BlackHole
from tests.faults.calls import KEY
from tests.kit.certificates import Authority
from tests.kit.names import NameService
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok, respond
from tests.kit.systems import linux_only

T = TypeVar("T")
FINE = {"fine": True}
PAUSE = 0.2
MANY = 50


def slow(peer: Peer) -> None:
    peer.pause(PAUSE)
    ok(peer)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(slow) as server:
        yield server


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
class TestUvloop:
    def test_calls_at_once(self, server: ScriptedServer) -> None:
        async def main() -> list[Any]:
            async with AsyncFibonacci(server.api_key, base_url=server.base_url) as client:
                return [await asyncio.gather(*(client.request("GET", "/x") for _ in range(MANY))) for _ in range(2)]

        began = time.monotonic()
        assert _run(main) == [[FINE] * MANY] * 2
        assert time.monotonic() - began < MANY * PAUSE / 2
        assert server.connections == MANY

    def test_https_and_a_large_body(self, authority: Authority) -> None:
        with ScriptedServer(ok, tls=authority.good()) as server:

            async def main() -> Any:
                async with AsyncFibonacci(KEY, base_url=server.base_url, ca_bundle=authority.file) as client:
                    return await client.request("POST", "/x", json={"text": "x" * (4 << 20)})

            assert _run(main) == FINE
        assert len(server.last.json["text"]) == 4 << 20

    def test_a_timeout_and_a_cancellation(self) -> None:
        began = time.monotonic()
        with ScriptedServer(lambda peer: peer.stall()) as server:

            async def main() -> None:
                async with AsyncFibonacci(KEY, base_url=server.base_url, max_retries=0) as client:
                    with pytest.raises(APITimeoutError):
                        await client.with_options(timeout=0.6).request("GET", "/x")
                    call = asyncio.ensure_future(client.request("GET", "/x"))
                    while server.connections < 2:
                        await asyncio.sleep(0.01)
                    call.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await call
                    server.default = ok
                    assert await client.request("GET", "/x") == FINE

            _run(main)
        assert time.monotonic() - began < 3
        assert server.connections == 3

    @linux_only
    def test_dead_addresses(self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
        async def main() -> None:
            options: Any = {"allow_insecure": True, "max_retries": 0, "connect_timeout": 0.5}
            async with AsyncFibonacci(KEY, base_url=f"http://uvloop.test:{server.port}/v1", **options) as client:
                assert await client.request("GET", "/x") == FINE
            async with AsyncFibonacci(KEY, base_url=f"http://{hole.host}:{hole.port}/v1", **options) as client:
                with pytest.raises(APITimeoutError):
                    await client.request("GET", "/x")

        with BlackHole(port=server.port) as hole:
            NameService(monkeypatch).add("uvloop.test", hole.host, "127.0.0.1")
            _run(main)
            assert hole.attempts == 0
        assert server.connections == 1


def _run(main: Callable[[], Awaitable[T]]) -> T:
    import uvloop  # where there is one

    async def entered() -> T:
        assert "uvloop" in type(asyncio.get_running_loop()).__module__
        return await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(entered())


# As an application begins that uses gevent.
PATCHED = """
from gevent import monkey
monkey.patch_all()
import time
import gevent
from fibonacci import APITimeoutError, Fibonacci
"""


class TestGevent:
    def test_calls_at_once(self, server: ScriptedServer) -> None:
        out = _run_script(
            f"""
            client = Fibonacci({server.api_key!r}, base_url={server.base_url!r})
            client.request("GET", "/x")
            for _ in range(2):
                calls = [gevent.spawn(client.request, "GET", "/x") for _ in range({MANY})]
                began = time.monotonic()
                gevent.joinall(calls)
                print(time.monotonic() - began, [call.value for call in calls] == [{FINE!r}] * {MANY})
            """
        )
        for line in out.splitlines():
            seconds, fine = line.split()
            assert float(seconds) < MANY * PAUSE / 2
            assert fine == "True"
        assert server.connections == MANY

    def test_a_greenlet_in_a_call_stops_no_other(self) -> None:
        with ScriptedServer(lambda peer: peer.stall()) as server:
            out = _run_script(
                f"""
                def wait():
                    try:
                        client.request("GET", "/x")
                    except APITimeoutError as error:
                        return error

                client = Fibonacci("key", base_url={server.base_url!r}, max_retries=0, timeout=0.5)
                call = gevent.spawn(wait)
                turns = 0
                while not call.ready():
                    gevent.sleep(0.01)
                    turns += 1
                print(turns > 10, isinstance(call.value, APITimeoutError))
                """
            )
        assert out == "True True\n"

    def test_a_greenlet_that_is_killed_leaves_the_client_usable(self) -> None:
        with ScriptedServer(lambda peer: peer.stall(), ok) as server:
            out = _run_script(
                f"""
                client = Fibonacci("key", base_url={server.base_url!r})
                call = gevent.spawn(client.request, "GET", "/x")
                gevent.sleep(0.1)
                call.kill()
                print(client.request("GET", "/x"))
                """
            )
        assert out == f"{FINE}\n"
        assert server.connections == 2

    @linux_only
    def test_dead_addresses_and_names(self) -> None:
        with ScriptedServer(respond()) as server, BlackHole(port=server.port) as hole:
            out = _run_script(
                f"""
                import socket
                from gevent.event import Event

                def resolve(host, port, *args, **options):
                    if host == "hanging.test":
                        Event().wait(20)
                    return [(2, 1, 6, "", (one, port)) for one in ({hole.host!r}, "127.0.0.1")]

                def fine():
                    client = Fibonacci("key", base_url="http://two.test:{server.port}/v1", allow_insecure=True)
                    return client.request("GET", "/x")

                def dead(host):
                    url = f"http://{{host}}:{server.port}/v1"
                    client = Fibonacci("key", base_url=url, allow_insecure=True, connect_timeout=0.3, max_retries=0)
                    try:
                        client.request("GET", "/x")
                    except APITimeoutError as error:
                        return str(error.__cause__)

                socket.getaddrinfo = resolve
                began = time.monotonic()
                calls = [gevent.spawn(dead, "hanging.test"), gevent.spawn(dead, {hole.host!r}), gevent.spawn(fine)]
                gevent.joinall(calls)
                print(time.monotonic() - began < 3, *(call.value for call in calls), sep="\\n")
                """
            )
            assert hole.attempts == 0
        assert out.splitlines() == [
            "True",
            "no connection within connect_timeout (0.3 s): the name service did not respond",
            "no connection within connect_timeout (0.3 s): no response from 127.0.0.2",
            str(FINE),
        ]


def _run_script(code: str) -> str:
    """Run code in an interpreter that gevent has patched; return what it prints."""
    script = [sys.executable, "-W", "error::ResourceWarning", "-c", PATCHED + dedent(code)]
    # Coverage measures threads, and would take greenlets for one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    run = subprocess.run(script, capture_output=True, check=False, env=environment, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout
