"""Connections: how many there are, when they are used again, and how a host's name becomes an address."""

from __future__ import annotations

import gc
import socket
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from fibonacci import APIConnectionError, APIResponseError, APITimeoutError, WaitEvent
from fibonacci.transports import AsyncSocketTransport, Deadline, HTTPRequest, HTTPResponse, SocketTransport
from tests.kit.assertions import each_row
from tests.kit.mode import TWO_MODES, Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, ok
from tests.kit.systems import needs_loopback_network

NAME = "platform.test"
ANOTHER_LOOPBACK = pytest.param("127.0.0.9", marks=needs_loopback_network)
Lookup = Callable[..., list[Any]]


def limited(mode: Mode, server: ScriptedServer, **limits: Any) -> Any:
    """Return a client of the server whose pool has other limits."""
    return mode.client_of(server, max_retries=0, transport=mode.socket_transport(**limits))


def hold_while(condition: Callable[[], bool]) -> Step:
    """Respond when a condition has ceased to hold, after five seconds at the latest."""

    def step(peer: Peer) -> None:
        ends = time.monotonic() + 5
        while condition() and time.monotonic() < ends:
            peer.pause(0.005)
        ok(peer)

    return step


class RedirectingTransport:
    """Sends each request to the next of several origins."""

    def __init__(self, transport: SocketTransport, origins: list[str]) -> None:
        self._transport = transport
        self._origins = iter(origins)

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        return self._transport.send(replace(request, origin=next(self._origins)), deadline)

    def close(self) -> None:
        self._transport.close()


class AsyncRedirectingTransport:
    """The same for the async client."""

    def __init__(self, transport: AsyncSocketTransport, origins: list[str]) -> None:
        self._transport = transport
        self._origins = iter(origins)

    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        return await self._transport.send(replace(request, origin=next(self._origins)), deadline)

    async def aclose(self) -> None:
        await self._transport.aclose()


def redirecting(mode: Mode, transport: Any, origins: list[str]) -> Any:
    """Return a transport that sends to the origins in turn."""
    return (AsyncRedirectingTransport if mode.is_async else RedirectingTransport)(transport, origins)


class TestPool:
    def test_one_connection_is_enough_for_calls_in_turn(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        for _ in range(5):
            server.add_response({"data": 1})
            mode.run(caller.request("GET", "/x"))
        assert server.connections == 1

    def test_a_connection_idle_for_too_long_is_not_reused(self, mode: Mode, server: ScriptedServer) -> None:
        caller = limited(mode, server, idle_timeout=0.0)
        for _ in range(3):
            server.add_response({"data": 1})
            mode.run(caller.request("GET", "/x"))
        assert server.connections == 3

    def test_a_connection_closed_by_the_server_is_not_reused(
        self, mode: Mode, server: ScriptedServer, caller: Any
    ) -> None:
        for _ in range(3):
            server.add_response({"data": 1})
            assert mode.run(caller.request("POST", "/x")) == 1
            server.hang_up()
        assert server.connections == 3
        assert len(server.requests) == 3

    def test_connection_close_is_honored(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        for _ in range(2):
            server.add_response({"data": 1}, headers={"Connection": "close"})
            mode.run(caller.request("GET", "/x"))
        assert server.connections == 2

    @each_row("more", [b"and more", b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"data": 666}'])
    def test_surplus_data_after_a_response_is_no_response(
        self, mode: Mode, server: ScriptedServer, caller: Any, more: bytes
    ) -> None:
        before = server.connections
        server.add_response(b'{"data": 1}' + more, headers={"Content-Length": "11"})
        server.add_response({"data": 2}, headers={"Connection": "close"})
        assert [mode.run(caller.request("POST", "/x")) for _ in range(2)] == [1, 2]
        assert server.connections == before + 2

    def test_a_surplus_response_is_not_taken_for_the_execution_that_was_asked_for(
        self, mode: Mode, server: ScriptedServer, caller: Any
    ) -> None:
        before = server.connections
        first, second, third = (b'{"data": {"id": "exec-%d"}}' % number for number in (1, 2, 3))
        own = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(second), second)
        server.add_response(first)
        server.add_response(first + own, headers={"Content-Length": str(len(first))})  # the first once more
        server.add_response(third)
        assert mode.run(caller.executions.get("exec-1")).id == "exec-1"
        with pytest.raises(APIResponseError, match="is about 'exec-1' instead of 'exec-2'"):
            mode.run(caller.executions.get("exec-2"))
        assert mode.run(caller.executions.get("exec-3")).id == "exec-3"
        assert server.connections == before + 2

    def test_calls_queue_for_a_connection(self, mode: Mode, server: ScriptedServer) -> None:
        caller = limited(mode, server, max_connections=1)
        for _ in range(8):
            server.add_response({"data": 1})
        calls = [mode.begin(caller.request, "GET", "/x") for _ in range(8)]
        assert [call.result().value for call in calls] == [1] * 8
        assert server.connections == 1

    def test_a_connection_slot_that_is_not_free_in_time(self, mode: Mode, server: ScriptedServer) -> None:
        arrived, released = threading.Event(), threading.Event()

        def hold(peer: Peer) -> None:
            arrived.set()
            released.wait(10)
            ok(peer)

        server.default = hold
        caller = limited(mode, server, max_connections=1)
        first = mode.begin(caller.request, "GET", "/x")
        assert arrived.wait(5)
        with pytest.raises(APITimeoutError, match=r"no connection to \S+:\d+ within the call's time") as caught:
            mode.run(caller.with_options(timeout=0.05).request("POST", "/x"))
        assert not caught.value.outcome_unknown
        released.set()
        assert first.result().error is None
        assert [request.method for request in server.requests] == ["GET"]

    def test_calls_queue_in_order(self, server: ScriptedServer) -> None:
        # Of tasks, for when a thread begins to queue is the system's choice.
        server.default = ok
        with Mode("asyncio") as mode:
            caller = limited(mode, server, max_connections=1)
            calls = [mode.begin(caller.request, "GET", f"/{number}") for number in range(20)]
            assert all(call.result().error is None for call in calls)
        assert [request.path for request in server.requests] == [f"/{number}" for number in range(20)]

    def test_a_request_to_another_origin_gets_a_connection_of_its_own(self, mode: Mode, server: ScriptedServer) -> None:
        # A transport around the client's sends elsewhere after the first call, with the same connections.
        transport = mode.socket_transport()
        with ScriptedServer() as other:
            targets = [server, other, server, other]
            wrapped = redirecting(mode, transport, [target.origin for target in targets])
            caller = mode.client_of(server, max_retries=0, transport=wrapped)
            for number, target in enumerate(targets):
                target.add_response({"data": number})
                assert mode.run(caller.request("GET", "/x")) == number
            assert (server.connections, other.connections) == (1, 1)

    def test_a_client_that_is_forgotten_leaves_nothing_open(self, server: ScriptedServer) -> None:
        # Whatever complains of an open connection fails the test.
        gc.freeze()  # what there is before takes long to look at
        for name in TWO_MODES:
            mode = Mode(name)
            client: Any = mode.client_of(server)
            server.add_response({"data": 1})
            mode.run(client.request("GET", "/x"))
            forgotten = weakref.ref(client)
            mode.forget()
            del client
            gc.collect()
            assert forgotten() is None


class TestWait:
    """A call that has waited a second for a connection is reported, once."""

    @pytest.fixture
    def told_early(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have waits reported after a tenth of a second."""
        for half in ("_async", "_sync"):
            monkeypatch.setattr(f"fibonacci.{half}.transports.socket_transport._REPORTED_AFTER", 0.1)

    @pytest.mark.usefixtures("told_early")
    def test_on_wait_and_the_log(self, mode: Mode, server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
        events: list[WaitEvent] = []
        server.default = hold_while(lambda: not events)
        caplog.set_level("INFO", "fibonacci")
        caller = mode.client_of(server, max_connections=1, on_wait=events.append)
        first = mode.begin(caller.request, "GET", "/first")
        wait_for_requests(server, 1)
        second = mode.begin(caller.request, "PUT", "/second", params={"a": "b"})
        assert first.result().error is second.result().error is None
        (event,) = events
        assert (event.method, event.path, event.reason) == ("PUT", "/second", "connection")
        assert 0.1 <= event.seconds < 2
        assert [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()] == [
            "PUT /second: waiting for a connection (1 of 1 in use)"
        ]

    @pytest.mark.usefixtures("told_early")
    def test_on_wait_may_be_async(self, server: ScriptedServer) -> None:
        events: list[WaitEvent] = []

        async def on_wait(event: WaitEvent) -> None:
            await anyio.sleep(0.01)
            events.append(event)

        server.default = hold_while(lambda: not events)
        with Mode("asyncio") as mode:
            caller = mode.client_of(server, max_connections=1, on_wait=on_wait)
            calls = [mode.begin(caller.request, "GET", "/x") for _ in range(2)]
            assert all(call.result().error is None for call in calls)
        assert len(events) == 1

    def test_a_short_wait_is_not_reported(self, mode: Mode, server: ScriptedServer) -> None:
        events: list[WaitEvent] = []
        caller = mode.client_of(server, max_connections=1, on_wait=events.append)
        server.default = ok
        calls = [mode.begin(caller.request, "GET", "/x") for _ in range(4)]
        assert all(call.result().error is None for call in calls)
        assert events == []

    @pytest.mark.usefixtures("told_early")
    def test_an_on_wait_that_raises_ends_the_call_with_nothing_sent(self, mode: Mode, server: ScriptedServer) -> None:
        events: list[WaitEvent] = []

        def on_wait(event: WaitEvent) -> None:
            events.append(event)
            raise RuntimeError("no more waiting")

        server.default = hold_while(lambda: not events)
        caller = mode.client_of(server, max_connections=1, on_wait=on_wait)
        first = mode.begin(caller.request, "GET", "/first")
        wait_for_requests(server, 1)
        with pytest.raises(RuntimeError, match="no more waiting"):
            mode.run(caller.request("POST", "/second"))
        assert len(events) == 1
        assert first.result().error is None
        assert mode.run(caller.request("GET", "/third")) == {"fine": True}
        assert [request.path for request in server.requests] == ["/first", "/third"]


def wait_for_requests(server: ScriptedServer, number: int) -> None:
    """Wait until the server has read so many requests."""
    ends = time.monotonic() + 5
    while len(server.requests) < number:
        assert time.monotonic() < ends
        time.sleep(0.005)


@pytest.fixture
def named(mode: Mode, server: ScriptedServer) -> Any:
    """Return a client that knows the server by a name."""
    url = server.base_url.replace("127.0.0.1", NAME)
    return mode.client(server.api_key, base_url=url, allow_insecure=True, max_retries=0)


def look_up(monkeypatch: pytest.MonkeyPatch, found: Callable[[int], list[Any]]) -> None:
    """Replace what the name service returns for the name; the function gets the port."""
    real: Lookup = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        return found(port) if host == NAME else real(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def address(family: int, host: str, port: int) -> Any:
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))


class TestNames:
    @pytest.mark.parametrize("first", ["::1", ANOTHER_LOOPBACK, "no family"])
    def test_the_next_address_is_tried(
        self, mode: Mode, server: ScriptedServer, named: Any, monkeypatch: pytest.MonkeyPatch, first: str
    ) -> None:
        family = {"::1": socket.AF_INET6, "no family": 9999}.get(first, socket.AF_INET)
        look_up(
            monkeypatch,
            lambda port: [address(family, first, port), address(socket.AF_INET, "127.0.0.1", port)],
        )
        server.add_response({"data": 1})
        assert mode.run(named.request("POST", "/x")) == 1
        assert server.last.one("Host").startswith(f"{NAME}:")

    @pytest.mark.parametrize("only", [ANOTHER_LOOPBACK, "no family"])
    def test_when_no_address_accepts_nothing_was_sent(
        self, mode: Mode, server: ScriptedServer, named: Any, monkeypatch: pytest.MonkeyPatch, only: str
    ) -> None:
        look_up(monkeypatch, lambda port: [address(9999 if only == "no family" else socket.AF_INET, only, port)])
        with pytest.raises(APIConnectionError) as caught:
            mode.run(named.request("POST", "/x"))
        assert not caught.value.outcome_unknown
        assert server.requests == []

    def test_a_name_without_an_address(
        self, mode: Mode, server: ScriptedServer, named: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look_up(monkeypatch, lambda port: [])
        with pytest.raises(APIConnectionError, match=f"{NAME} has no address"):
            mode.run(named.request("GET", "/x"))
