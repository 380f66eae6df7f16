"""Through a real SOCKS5 proxy, and through ones that refuse or are none."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from fibonacci import APIConnectionError
from tests.faults.certificates import Authority
from tests.faults.driving import COLOURS, Colour, Driver, all_fine, call_each
from tests.faults.expectations import MAX_RETRIES
from tests.faults.faults import ok
from tests.faults.proxies import PASSWORD, QUOTED, microsocks
from tests.faults.server import FaultServer, Peer


@pytest.fixture(scope="module")
def open_port() -> Iterator[int]:
    with microsocks() as port:
        yield port


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    with microsocks(password=PASSWORD) as port:
        yield port


@pytest.mark.parametrize("colour", COLOURS)
def test_http_and_https(colour: Colour, open_port: int, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{open_port}")
    with FaultServer(ok, tls=authority.good()) as server, FaultServer(ok) as plain:
        assert all_fine(call_each(colour, server.base_url, ca_bundle=authority.file))
        assert all_fine(call_each(colour, plain.base_url))


@pytest.mark.parametrize("colour", COLOURS)
def test_the_proxy_looks_names_up(colour: Colour, open_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{open_port}")
    with FaultServer(ok) as server, Driver(colour) as driver:
        client = driver.client(f"http://localhost:{server.port}/v1")
        assert driver.end(client.request, "GET", "/x").value == {"fine": True}
    assert server.requests[0].headers["host"] == f"localhost:{server.port}"


@pytest.mark.parametrize("colour", COLOURS)
def test_a_password(colour: Colour, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://ada:{QUOTED}@127.0.0.1:{closed_port}")
    with FaultServer(ok) as server:
        assert all_fine(call_each(colour, server.base_url))


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    ("user", "said"), [("", "the proxy needs a user and password"), ("ada:wrong@", "rejected the user and password")]
)
def test_without_the_password(
    colour: Colour, user: str, said: str, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://{user}127.0.0.1:{closed_port}")
    with FaultServer(ok) as server:
        ended = call_each(colour, server.base_url)
    assert server.connections == 0
    for one in ended.values():
        assert (one.api_error.attempts, one.api_error.outcome_unknown) == (1, False)
        assert said in str(one.api_error)
        assert "ALL_PROXY" in str(one.api_error)
        assert "wrong" not in str(one.api_error)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_server_that_it_cannot_reach(colour: Colour, open_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{open_port}")
    with socket.socket() as taken, Driver(colour) as driver:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        client = driver.client(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        error = driver.end(client.request, "POST", "/x").api_error
    # It may reach it the next time, and nothing has been sent.
    assert (error.attempts, error.outcome_unknown) == (1 + MAX_RETRIES, False)
    assert "the proxy cannot reach 127.0.0.1" in str(error)
    assert "refused" in str(error)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    ("code", "said", "attempts"),
    [(2, "not allowed by ruleset", 1), (4, "host unreachable", 1 + MAX_RETRIES), (8, "address type not supported", 1)],
)
def test_a_refusal_is_final_and_a_failure_is_not(
    colour: Colour, code: int, said: str, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(peer: Peer) -> None:
        peer.send(b"\x05\x00")
        peer.pause(0.05)
        peer.send(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))

    with FaultServer(greet=act) as proxy, Driver(colour) as driver:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        error = driver.end(driver.client("http://127.0.0.1:1/v1").request, "POST", "/x").api_error
    assert (error.attempts, error.outcome_unknown, proxy.connections) == (attempts, False, attempts)
    assert said in str(error)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad\r\n\r\n", b"\x05", b""])
def test_one_that_is_none(colour: Colour, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def act(peer: Peer) -> None:
        peer.send(answer)
        peer.close()

    with FaultServer(greet=act) as proxy, FaultServer(ok) as server:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        ended = call_each(colour, server.base_url)
    assert server.connections == 0
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert not one.api_error.outcome_unknown


@pytest.mark.parametrize("colour", COLOURS)
def test_without_socksio(colour: Colour, open_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{open_port}")
    with FaultServer(ok) as server:
        ended = call_each(colour, server.base_url)
    assert server.connections == 0
    assert all("pip install 'fibonacci-sdk[socks]'" in str(one.api_error) for one in ended.values())
