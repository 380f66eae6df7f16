"""Calls through a real SOCKS5 proxy, and through servers that refuse or are no proxy."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from fibonacci import APIConnectionError
from tests.faults.calls import KEY, all_fine
from tests.faults.expectations import MAX_RETRIES
from tests.faults.proxies import ELSEWHERE, PASSWORD, QUOTED, call_each_elsewhere, microsocks
from tests.kit.assertions import each_row
from tests.kit.certificates import Authority
from tests.kit.mode import Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok

# Each process that has one of these starts the servers.
pytestmark = pytest.mark.xdist_group("proxies")


@pytest.fixture(scope="module")
def open_port() -> Iterator[int]:
    with microsocks() as port:
        yield port


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    with microsocks(password=PASSWORD) as port:
        yield port


@pytest.mark.parametrize(
    ("transport", "mode"), [("socket", "sync"), ("socket", "asyncio"), ("httpx", "asyncio")], indirect=["mode"]
)
def test_http_and_https(
    mode: Mode, transport: str, open_port: int, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{open_port}")
    with ScriptedServer(ok, tls=authority.good()) as server, ScriptedServer(ok) as plain:
        assert all_fine(call_each_elsewhere(mode, server, ca_bundle=authority.file, transport=transport))
        assert all_fine(call_each_elsewhere(mode, plain, transport=transport))


def test_the_proxy_resolves_names(mode: Mode, open_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{open_port}")
    with ScriptedServer(ok) as server:
        client = mode.client(KEY, base_url=f"http://127.1:{server.port}/v1", allow_insecure=True)
        assert mode.end(client.request, "GET", "/x").value == {"fine": True}
    assert server.requests[0].one("host") == f"127.1:{server.port}"


@pytest.mark.usefixtures("each_transport")
def test_credentials_of_the_proxy_are_sent(mode: Mode, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://ada:{QUOTED}@127.0.0.1:{closed_port}")
    with ScriptedServer(ok) as server:
        assert all_fine(call_each_elsewhere(mode, server))


@each_row(
    ("user", "said"), [("", "the proxy needs a user and password"), ("ada:wrong@", "rejected the user and password")]
)
def test_credentials_are_missing_or_wrong(
    mode: Mode, user: str, said: str, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://{user}127.0.0.1:{closed_port}")
    with ScriptedServer(ok) as server:
        ended = call_each_elsewhere(mode, server)
    assert server.connections == 0
    for one in ended.values():
        assert (one.api_error.attempts, one.api_error.outcome_unknown) == (1, False)
        assert said in str(one.api_error)
        assert "ALL_PROXY" in str(one.api_error)
        assert "wrong" not in str(one.api_error)


def test_a_server_that_it_cannot_reach(mode: Mode, open_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{open_port}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nothing listens there
        client = mode.client(KEY, base_url=f"http://{ELSEWHERE}:{taken.getsockname()[1]}/v1", allow_insecure=True)
        error = mode.end(client.request, "POST", "/x").api_error
    # It may reach it the next time, and nothing has been sent.
    assert (error.attempts, error.outcome_unknown) == (1 + MAX_RETRIES, False)
    assert f"the proxy cannot reach {ELSEWHERE}" in str(error)
    assert "refused" in str(error)


@each_row(
    ("code", "said", "attempts", "address", "is_in_pieces"),
    [
        (2, "not allowed by ruleset", 1, b"\x01" + bytes(4), False),
        (8, "address type not supported", 1, b"\x04" + bytes(16), False),
        *(
            (4, "host unreachable", 1 + MAX_RETRIES, address, True)
            for address in (b"\x01" + bytes(4), b"\x03\x09localhost", b"\x04" + bytes(16))
        ),
    ],
)
def test_a_socks_refusal_is_final_and_a_failure_is_not(
    mode: Mode,
    code: int,
    said: str,
    attempts: int,
    address: bytes,
    is_in_pieces: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def step(peer: Peer) -> None:
        both = b"\x05\x00" + bytes([5, code, 0]) + address + bytes(2)
        if is_in_pieces:
            peer.drip(both, every=0.001)
        else:
            peer.send(both)
        peer.stall()

    with ScriptedServer(greet=step) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        error = mode.end(
            mode.client(KEY, base_url=f"http://{ELSEWHERE}:1/v1", allow_insecure=True).request, "POST", "/x"
        ).api_error
    assert (error.attempts, error.outcome_unknown, proxy.connections) == (attempts, False, attempts)
    assert said in str(error)


@each_row("greeting", [b"HTTP/1.1 400 Bad\r\n\r\n", b"\x05", b""])
def test_a_server_that_is_no_proxy(mode: Mode, greeting: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(peer: Peer) -> None:
        peer.send(greeting)
        peer.close()

    with ScriptedServer(greet=step) as proxy, ScriptedServer(ok) as server:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        ended = call_each_elsewhere(mode, server)
    assert server.connections == 0
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert not one.api_error.outcome_unknown


@pytest.mark.usefixtures("each_transport")
def test_without_socksio(mode: Mode, open_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{open_port}")
    with ScriptedServer(ok) as server:
        ended = call_each_elsewhere(mode, server)
    assert server.connections == 0
    assert all("pip install 'fibonacci-sdk[socks]'" in str(one.api_error) for one in ended.values())
