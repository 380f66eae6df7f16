"""Calls through a real SOCKS5 proxy, which httpx speaks."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.faults.calls import KEY, all_fine
from tests.faults.proxies import PASSWORD, QUOTED, call_each_elsewhere, microsocks
from tests.kit.certificates import Authority
from tests.kit.mode import Mode
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


@pytest.mark.parametrize("mode", ["sync", "asyncio"], indirect=True)
def test_http_and_https(mode: Mode, open_port: int, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{open_port}")
    with ScriptedServer(ok, tls=authority.good()) as server, ScriptedServer(ok) as plain:
        assert all_fine(call_each_elsewhere(mode, server, ca_bundle=authority.file, transport="httpx"))
        assert all_fine(call_each_elsewhere(mode, plain, transport="httpx"))


def test_the_proxy_resolves_names(mode: Mode, open_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{open_port}")
    with ScriptedServer(ok) as server:
        url = f"http://127.1:{server.port}/v1"
        client = mode.client(KEY, base_url=url, allow_insecure=True, transport="httpx")
        assert mode.end(client.request, "GET", "/x").value == {"fine": True}
    assert server.requests[0].one("host") == f"127.1:{server.port}"


def test_the_default_transport_names_the_one_that_speaks_socks(
    mode: Mode, open_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{open_port}")
    with ScriptedServer(ok) as server:
        ended = call_each_elsewhere(mode, server)
    assert server.connections == 0
    for one in ended.values():
        assert (one.api_error.attempts, one.api_error.outcome_unknown) == (1, False)
        assert 'SOCKS proxies need transport="httpx" (or FIBONACCI_TRANSPORT=httpx)' in str(one.api_error)


def test_credentials_of_the_proxy_are_sent(mode: Mode, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://ada:{QUOTED}@127.0.0.1:{closed_port}")
    with ScriptedServer(ok) as server:
        assert all_fine(call_each_elsewhere(mode, server, transport="httpx"))


def test_credentials_are_missing(mode: Mode, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{closed_port}")
    with ScriptedServer(ok) as server:
        ended = call_each_elsewhere(mode, server, transport="httpx")
    assert server.connections == 0
    assert not any(one.api_error.outcome_unknown for one in ended.values())
    assert all("ALL_PROXY" in str(one.api_error) for one in ended.values())


def test_without_socksio(mode: Mode, open_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{open_port}")
    with ScriptedServer(ok) as server:
        ended = call_each_elsewhere(mode, server, transport="httpx")
    assert server.connections == 0
    assert all("pip install 'fibonacci-sdk[socks]'" in str(one.api_error) for one in ended.values())
