"""Idle connections: how many are kept, when they are closed, and what one that was dropped without notice costs."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from fibonacci import APITimeoutError
from tests.faults.black_holes import CLOSE_WAIT, connections_in
from tests.faults.relay import Relay, may_drop_packets
from tests.kit.assertions import all_modes_at_once, appears
from tests.kit.clock import FakeClock, Standstill
from tests.kit.mode import Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, ok, respond_json
from tests.kit.systems import linux_only

FINE = {"fine": True}
PATIENCE = 0.3
"""Seconds after which a peer here counts as vanished that hasn't acknowledged what was sent."""


def client_with(mode: Mode, server: ScriptedServer, **limits: Any) -> tuple[Any, Any]:
    """Return a client of the server, and its transport with other limits."""
    transport = mode.socket_transport(**limits)
    return mode.client_of(server, transport=transport), transport


def open_connections(mode: Mode, transport: Any) -> int:
    """Return how many connections the transport has open in the mode's event loop."""
    return len(mode.connections_of(transport))


def closed_by(server: ScriptedServer) -> int:
    """Return how many connections the server has closed and the client has not."""
    return connections_in(CLOSE_WAIT, "127.0.0.1", server.port)


def respond_together(barrier: threading.Barrier) -> Step:
    """Respond when as many requests are under way as the barrier waits for."""

    def step(peer: Peer) -> None:
        barrier.wait(5)
        ok(peer)

    return step


@pytest.fixture
def time_of_pools(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Return the clock by which connections age."""
    clock = FakeClock(runs=True)
    for half in ("_async", "_sync"):
        monkeypatch.setattr(f"fibonacci.{half}.transports.socket_transport.time", clock)
        monkeypatch.setattr(f"fibonacci.{half}.transports.http11.time", clock)
    return clock


class TestNumber:
    @all_modes_at_once
    def test_at_most_max_idle_connections_are_kept(self, mode: Mode) -> None:
        together = threading.Barrier(6)
        with ScriptedServer(respond_together(together)) as server:
            client, transport = client_with(mode, server, max_idle_connections=3)
            calls = [mode.begin(client.request, "GET", "/x") for _ in range(6)]
            assert [call.result().value for call in calls] == [FINE] * 6
            assert appears(lambda: open_connections(mode, transport) == 3)
        assert server.connections == 6

    def test_none_is_kept_with_0(self, mode: Mode) -> None:
        with ScriptedServer(ok) as server:
            client, transport = client_with(mode, server, max_idle_connections=0)
            for _ in range(3):
                assert mode.run(client.request("GET", "/x")) == FINE
                assert open_connections(mode, transport) == 0
        assert server.connections == 3

    @linux_only
    def test_those_that_the_server_has_closed_are_closed_beside_one_in_use(
        self, mode: Mode, time_of_pools: FakeClock
    ) -> None:
        together = threading.Barrier(5)
        others_ended = threading.Event()

        def step(peer: Peer) -> None:
            if peer.request.path == "/again":
                ok(peer)
                return
            together.wait(5)
            if peer.request.path == "/last":
                others_ended.wait(5)
            ok(peer)
            if peer.request.path != "/last":
                others_ended.wait(5)
                peer.close()

        with ScriptedServer(step) as server:
            client, transport = client_with(mode, server)
            last = mode.begin(client.request, "GET", "/last")
            calls = [mode.begin(client.request, "GET", "/x") for _ in range(4)]
            assert [call.result().value for call in calls] == [FINE] * 4
            others_ended.set()
            assert last.result().value == FINE
            assert appears(lambda: closed_by(server) == 4)
            time_of_pools.advance(1.1)
            assert mode.run(client.request("GET", "/again")) == FINE
            assert closed_by(server) == 0
            assert open_connections(mode, transport) == 1
        assert server.connections == 5


class TestAge:
    """A request that must not be sent twice takes no connection that has been idle for more than three seconds."""

    def test_which_requests_take_one_that_has_been_idle(self, mode: Mode, time_of_pools: FakeClock) -> None:
        rows: list[tuple[str, dict[str, Any], bool]] = [
            ("POST", {}, False),
            ("PATCH", {}, False),
            ("GET", {"max_retries": 0}, False),
            ("GET", {}, True),
            ("PUT", {}, True),
            ("DELETE", {}, True),
            ("POST", {"idempotency": "server"}, True),
        ]
        with ScriptedServer(ok) as server:
            clients = [mode.client_of(server, **options) for _, options, _ in rows]
            for (method, _, _), client in zip(rows, clients, strict=True):
                assert mode.run(client.request(method, "/x")) == FINE
            time_of_pools.advance(3.1)
            for (method, _, _), client in zip(rows, clients, strict=True):
                assert mode.run(client.request(method, "/x")) == FINE
        used = [request.connection for request in server.requests]
        again = [first == second for first, second in zip(used, used[len(rows) :], strict=False)]
        assert again == [expected for _, _, expected in rows]

    def test_one_that_has_been_used_since_is_taken(self, mode: Mode, time_of_pools: FakeClock) -> None:
        with ScriptedServer(ok) as server:
            client = mode.client_of(server)
            for _ in range(3):
                assert mode.run(client.request("GET", "/x")) == FINE
                time_of_pools.advance(1.5)
            assert mode.run(client.request("POST", "/x")) == FINE
        assert server.connections == 1


@contextmanager
def relayed(mode: Mode) -> Generator[tuple[Any, Relay, ScriptedServer]]:
    """Return a client of a server behind a relay that can forget, the relay and the server."""
    with ScriptedServer(ok) as server, Relay(server.port) as relay:
        yield mode.client_of(relay, timeout=3), relay, server


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    for half in ("_async", "_sync"):
        monkeypatch.setattr(f"fibonacci.{half}.transports.http11.ACKNOWLEDGED_IN", PATIENCE)


@linux_only
@pytest.mark.skipif(not may_drop_packets(), reason="this user may not have the system drop packets")
class TestDroppedConnection:
    @all_modes_at_once
    @pytest.mark.usefixtures("impatience")
    def test_it_costs_one_quick_retry(self, mode: Mode, standstill: Standstill) -> None:
        with relayed(mode) as (client, relay, server):
            assert mode.run(client.request("GET", "/x")) == FINE
            relay.forget()
            ended = mode.end(client.request, "GET", "/x")
        assert ended.value == FINE
        assert PATIENCE <= ended.seconds < PATIENCE + 1 + standstill.seconds
        assert relay.connections == 2
        assert len(server.requests) == 2  # what the relay swallowed is not among them

    @all_modes_at_once
    def test_a_post_is_sent_once_and_its_error_says_what_is_known(self, mode: Mode) -> None:
        with relayed(mode) as (client, relay, server):
            assert mode.run(client.request("POST", "/x")) == FINE
            relay.forget()
            ended = mode.end(client.with_options(timeout=PATIENCE).request, "POST", "/x")
        assert isinstance(ended.error, APITimeoutError)
        assert ended.error.outcome_unknown
        assert ended.error.attempts == 1
        known = r"no response on a connection that had been idle for \d\.\d s"
        assert re.fullmatch(known, str(ended.error.__cause__))
        assert len(server.requests) == 1


class TestSlowServer:
    @all_modes_at_once
    def test_each_request_on_a_reused_connection_is_sent_once(self, mode: Mode) -> None:
        """However short `connect_timeout`, and however much of the call's time the response takes."""

        def respond_after(seconds: float) -> Step:
            def step(peer: Peer) -> None:
                together.wait(5)
                peer.pause(seconds)
                respond_json({"data": {"id": "exec_1", "status": "completed"}})(peer)

            return step

        calls = ["GET", "PUT", "execute"] * 3
        together = threading.Barrier(len(calls))
        with ScriptedServer() as server:
            client = mode.client_of(server, connect_timeout=0.5, timeout=2, max_retries=2, idempotency="server")
            for used, seconds in enumerate((0.0, 0.6), 1):
                server.default = respond_after(seconds)
                begun = [
                    mode.begin(client.workflows.execute, "wf-1")
                    if call == "execute"
                    else mode.begin(client.request, call, "/x")
                    for call in calls
                ]
                assert [ended.error for ended in (each.result() for each in begun)] == [None] * len(calls)
                assert server.by_method() == {"GET": 3 * used, "PUT": 3 * used, "POST": 3 * used}
        assert server.connections == len(calls)
