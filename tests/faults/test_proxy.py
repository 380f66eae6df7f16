"""Through a real proxy, and through ones that refuse, are not there, or are not wanted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fibonacci import APIConnectionError, APIStatusError
from tests.faults.certificates import Authority
from tests.faults.clients import watch
from tests.faults.driving import COLOURS, KEY, METHODS, Colour, Driver, Ended
from tests.faults.faults import head, ok, raw_then_close, raw_then_reset
from tests.faults.server import FaultServer
from tests.faults.tinyproxy import tinyproxy

PASSWORD = "s3cret/wort"
QUOTED = "s3cret%2Fwort"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made_in(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def open_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with tinyproxy(tmp_path_factory.mktemp("open")) as port:
        yield port


@pytest.fixture(scope="module")
def closed_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with tinyproxy(tmp_path_factory.mktemp("closed"), password=PASSWORD) as port:
        yield port


def _call(colour: Colour, server: FaultServer, ca_bundle: Path | None = None) -> dict[str, Ended]:
    with Driver(colour) as driver:
        calls = {
            method: driver.begin(
                driver.client(server.base_url, api_key=f"{KEY}-{method}", ca_bundle=ca_bundle).request, method, "/x"
            )
            for method in METHODS
        }
        return {method: call.result() for method, call in calls.items()}


def _all_fine(ended: dict[str, Ended]) -> bool:
    return [one.value for one in ended.values()] == [{"fine": True}] * len(METHODS)


@pytest.mark.parametrize("colour", COLOURS)
def test_https_through_a_proxy(
    colour: Colour, authority: Authority, open_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{open_proxy}")
    with FaultServer(ok, tls=authority.good()) as server:
        assert _all_fine(_call(colour, server, authority.file))
    # The proxy makes a tunnel: it sees neither the request nor the key, and adds nothing.
    assert len(server.requests) == len(METHODS)
    assert all("via" not in request.headers for request in server.requests)


@pytest.mark.parametrize("colour", COLOURS)
def test_http_through_a_proxy(colour: Colour, open_proxy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{open_proxy}")
    with FaultServer(ok) as server:
        assert _all_fine(_call(colour, server))
    assert all("tinyproxy" in request.headers["via"] for request in server.requests)


@pytest.mark.parametrize("colour", COLOURS)
def test_through_a_proxy_while_a_tool_watches(
    colour: Colour, authority: Authority, open_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(monkeypatch)
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{open_proxy}")
    with FaultServer(ok, tls=authority.good()) as server, FaultServer(ok) as plain:
        assert _all_fine(_call(colour, server, authority.file))
        assert _all_fine(_call(colour, plain))
    assert all("via" not in request.headers for request in server.requests)
    assert all("tinyproxy" in request.headers["via"] for request in plain.requests)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_that_gets_its_password(
    colour: Colour, authority: Authority, closed_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://ada:{QUOTED}@127.0.0.1:{closed_proxy}")
    with FaultServer(ok, tls=authority.good()) as server:
        assert _all_fine(_call(colour, server, authority.file))
    with FaultServer(ok) as plain:
        assert _all_fine(_call(colour, plain))
    assert all("proxy-authorization" not in request.headers for request in [*server.requests, *plain.requests])


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("user", ["", "ada:wrong@"])
def test_a_proxy_that_does_not_get_its_password(
    colour: Colour, user: str, authority: Authority, closed_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:{closed_proxy}")
    with FaultServer(ok, tls=authority.good()) as server:
        ended = _call(colour, server, authority.file)
    assert server.connections == 0
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert (one.api_error.attempts, one.api_error.outcome_unknown) == (1, False)
        assert "HTTPS_PROXY" in str(one.api_error)
        assert "password" in str(one.api_error)
        assert "wrong" not in str(one.api_error)


@pytest.mark.parametrize("colour", COLOURS)
def test_plain_http_and_a_proxy_that_does_not_get_its_password(
    colour: Colour, closed_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_proxy}")
    with FaultServer(ok) as server:
        ended = _call(colour, server)
    assert server.connections == 0
    for one in ended.values():
        assert isinstance(one.error, APIStatusError)
        assert one.error.status_code == 407
        assert "HTTP_PROXY" in str(one.error)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("exempt", ["127.0.0.1", "*", "example.com, 127.0.0.1"])
def test_no_proxy(colour: Colour, exempt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(ok) as proxy, FaultServer(ok) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("NO_PROXY", exempt)
        assert _all_fine(_call(colour, server))
    assert proxy.connections == 0
    assert len(server.requests) == len(METHODS)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_that_resets_the_tunnel_has_sent_nothing(
    colour: Colour, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer(raw_then_reset(b"")) as proxy, FaultServer(ok, tls=authority.good()) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        ended = _call(colour, server, authority.file)
    assert server.connections == 0
    assert set(proxy.by_method()) == {"CONNECT"}
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert not one.api_error.outcome_unknown
    assert all(KEY not in str(request) for request in proxy.requests)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_that_answers_the_tunnel_with_502(
    colour: Colour, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer(raw_then_close(head(502, length=0))) as proxy, FaultServer(ok, tls=authority.good()) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        ended = _call(colour, server, authority.file)
    assert server.connections == 0
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert not one.api_error.outcome_unknown
        assert "502" in str(one.api_error)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_that_is_none(colour: Colour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp://127.0.0.1:1")
    with FaultServer(ok) as server:
        ended = _call(colour, server)
    assert server.connections == 0
    assert all("HTTP_PROXY" in str(one.api_error) for one in ended.values())
