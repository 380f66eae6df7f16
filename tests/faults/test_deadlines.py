"""`timeout` is the whole call on every transport: attempts, the queue, a slow head, trailers, 1xx, CONNECT, TLS."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest

from fibonacci import APITimeoutError
from tests.faults.calls import KEY, always, longest
from tests.faults.transports import TransportName, transport_options
from tests.kit.assertions import all_modes_at_once, check_rows
from tests.kit.clock import FakeClock, Standstill
from tests.kit.mode import Ended, Mode, ModeName
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, dripping, head, ok, raw_then_reset, raw_then_stall, respond

TIMEOUT = 1.0
LATE = 0.3

CHUNKED = head(200, {"Transfer-Encoding": "chunked"}) + b"1\r\n{\r\n0\r\n"


def flood(peer: Peer) -> None:
    """Send 1xx responses, as fast as a server that reports progress, until the client leaves."""
    while peer.pause(0.01):
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")


@dataclass(frozen=True)
class SlowFault:
    """What the peer does, and how.

    Attributes:
        step: What it does with the request.
        phase: What the client is doing when its time is up.
        before: What it does with the requests before that.
        host: The host that a proxy is asked to connect to; None without a proxy.
        is_greeting: Whether it does it before TLS.
    """

    step: Step
    phase: str
    before: tuple[Step, ...] = ()
    host: str | None = None
    is_greeting: bool = False


DRIPPED_HEAD = dripping(b"", head(200) * 9)
FAULTS = {
    "dripped head": SlowFault(DRIPPED_HEAD, "wait"),
    "dripped head on a connection that was idle": SlowFault(DRIPPED_HEAD, "wait", before=(ok,)),
    "dripped body": SlowFault(dripping(head(200, length=999), b" " * 999), "body"),
    "dripped body that ends with the connection": SlowFault(dripping(head(200), b" " * 999), "body"),
    "dripped trailers": SlowFault(dripping(CHUNKED, b"X-Trailer: 1\r\n" * 99), "body"),
    "flood of 1xx": SlowFault(flood, "wait"),
    "no response to CONNECT": SlowFault(lambda peer: peer.stall(), "proxy", host="silent.example"),
    "dripped response to CONNECT": SlowFault(DRIPPED_HEAD, "proxy", host="dripping.example"),
    "dripped TLS handshake": SlowFault(dripping(b"\x16\x03\x03\x0f\xff", b"\x02" * 4095), "tls", is_greeting=True),
}

Row = tuple[TransportName, ModeName, str]


def tunnels(peer: Peer) -> None:
    """As a proxy, do what the host of the tunnel says."""
    _, _, host = peer.request.target.removesuffix(":443").split(".", 2)
    (fault,) = (fault for fault in FAULTS.values() if fault.host == host)
    fault.step(peer)


def meet(row: Row, proxy: ScriptedServer) -> tuple[Ended, int]:
    """Return how a call ended that meets a fault, and how often the fault happened to it."""
    transport, name, what = row
    fault = FAULTS[what]
    steps = (*fault.before, fault.step, ok)
    direct = ScriptedServer(greet=fault.step) if fault.is_greeting else ScriptedServer(*steps)
    with Mode(name) as mode, direct as server:
        url = server.base_url.replace("http:", "https:") if fault.is_greeting else server.base_url
        if fault.host is not None:
            url = f"https://{transport}.{name}.{fault.host}/v1"
        options = transport_options(transport, mode) | ({} if transport == "httpx2" else {"max_connections": 1})
        client = mode.client(KEY, base_url=url, timeout=30, max_retries=0, **options)
        for _ in fault.before:
            assert mode.end(client.request, "GET", "/x").error is None
        ended = mode.end(client.with_options(timeout=TIMEOUT).request, "GET", "/x")
        if fault.host is not None:
            return ended, [request.target for request in proxy.requests].count(f"{transport}.{name}.{fault.host}:443")
        if not fault.is_greeting:  # nothing is left in use
            assert mode.end(client.request, "GET", "/x").value == {"fine": True}
    return ended, server.delivered - (0 if fault.is_greeting else len(steps) - 1)


def call_once(transport: TransportName, name: ModeName) -> None:
    """Make a call that meets no fault."""
    with ScriptedServer(ok) as server, Mode(name) as mode:
        assert mode.end(mode.client_of(server, **transport_options(transport, mode)).request, "GET", "/x").error is None


@pytest.mark.parametrize(
    "modes",
    [
        [("socket", "sync"), ("socket", "asyncio"), ("httpx", "sync"), ("httpx", "asyncio")],
        pytest.param([("socket", "trio"), ("httpx2", "sync")], marks=pytest.mark.slow),
    ],
    ids=["most used", "others"],
)
def test_a_call_ends_in_time(
    modes: list[tuple[TransportName, ModeName]], monkeypatch: pytest.MonkeyPatch, standstill: Standstill
) -> None:
    """The error is one of time and names the phase; each fault happened once to each call."""
    rows: list[tuple[str, Row]] = [
        (f"{transport}, {mode}, {what}", (transport, mode, what)) for transport, mode in modes for what in FAULTS
    ]

    def check(row: Row) -> None:
        ended, happened = meet(row, proxy)
        assert happened == 1
        assert type(ended.error) is APITimeoutError, ended
        assert ended.error.phase == FAULTS[row[2]].phase
        assert "closed" not in str(ended.error), ended.error  # by whom but by the client itself
        assert "disconnected" not in str(ended.error), ended.error
        assert ended.seconds >= TIMEOUT
        assert ended.seconds - standstill.seconds <= TIMEOUT + LATE

    with ScriptedServer(tunnels) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # which a client of httpx2 does not exempt
        for transport, mode in modes:  # what a first call imports and makes is not timed
            call_once(transport, mode)
        check_rows(rows, check, at_once=18)  # each meets its fault within its time, also on a busy machine


def test_many_attempts_share_the_timeout(mode: Mode, monkeypatch: pytest.MonkeyPatch, standstill: Standstill) -> None:
    monkeypatch.setattr("fibonacci._core.retry.uniform", always(0.15))
    clock = FakeClock(runs=True)

    def late(peer: Peer) -> None:
        if len(server.requests) <= 2:
            clock.advance(0.45)
            respond(500, headers={"Connection": "close"})(peer)
        else:  # for this one 0.3 s are left
            peer.stall()

    with ScriptedServer(late) as server:
        client = mode.client_of(server, timeout=1.5, max_retries=100, clock=clock)
        ended = mode.end(client.request, "GET", "/x")
    assert isinstance(ended.error, APITimeoutError)
    assert ended.seconds - standstill.seconds <= longest(0.3)
    assert len(server.requests) == ended.api_error.attempts == 3


@all_modes_at_once
def test_queueing_for_a_connection_counts_in_the_timeout(mode: Mode, standstill: Standstill) -> None:
    released = threading.Event()
    with ScriptedServer(lambda peer: (released.wait(10), ok(peer))) as server:
        one_connection = mode.socket_transport(max_connections=1)
        client = mode.client_of(server, timeout=10, transport=one_connection)
        first = mode.begin(client.request, "POST", "/first")
        while not server.requests:
            time.sleep(0.005)
        queued = [mode.begin(client.with_options(timeout=0.3).request, "POST", "/queued") for _ in range(3)]
        for call in queued:
            ended = call.result()
            assert type(ended.error) is APITimeoutError
            assert not ended.api_error.outcome_unknown
            assert ended.error.phase == "queue"
            assert sum(ended.error.phases.values()) == pytest.approx(ended.error.phases["queue"])
            assert "while waiting for a free connection: 1 of 1 in use" in str(ended.error)
            assert ended.seconds >= 0.3
            assert ended.seconds - standstill.seconds <= longest(0.3)
        patient = mode.begin(client.request, "POST", "/patient")
        released.set()
        assert first.result().value == patient.result().value == {"fine": True}
    assert [request.target for request in server.requests] == ["/v1/first", "/v1/patient"]
    assert server.connections == 1


def test_a_connection_slot_is_released_after_every_kind_of_end(mode: Mode) -> None:
    steps = [raw_then_reset(b""), respond(500), respond(404), respond(200, b"x" * 2_000_000), raw_then_stall(b""), ok]
    with ScriptedServer(*steps) as server:
        options: dict[str, Any] = {"timeout": 10.0, "max_retries": 0, "max_response_bytes": 1_000_000}
        one_connection = mode.socket_transport(max_connections=1)
        client = mode.client_of(server, transport=one_connection, **options)
        for _ in steps[:-2]:
            assert mode.end(client.request, "POST", "/x").error is not None
        assert type(mode.end(client.with_options(timeout=0.2).request, "POST", "/x").error) is APITimeoutError
        assert mode.run(client.request("POST", "/x")) == {"fine": True}
    assert server.delivered == len(steps)


@all_modes_at_once
def test_timeout_none_sets_no_deadline(mode: Mode) -> None:
    with ScriptedServer(lambda peer: (peer.pause(0.1), ok(peer))) as server:
        assert mode.run(mode.client_of(server, timeout=None).request("GET", "/x")) == {"fine": True}
    assert len(server.requests) == 1
