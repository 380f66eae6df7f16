"""Calls through a real HTTP proxy, and through ones that refuse, are absent, or are exempted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fibonacci import APIConnectionError, APIStatusError, APITimeoutError, transports
from tests.faults.calls import KEY, METHODS, all_fine, call_each, longest
from tests.faults.expectations import MAX_RETRIES
from tests.faults.proxies import ELSEWHERE, PASSWORD, QUOTED, behind_tls, call_each_elsewhere, elsewhere, tinyproxy
from tests.kit.certificates import Authority
from tests.kit.clock import Standstill
from tests.kit.mode import Mode, each_mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import head, ok, raw_then_close, raw_then_reset


@pytest.fixture(scope="module")
def open_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with tinyproxy(tmp_path_factory.mktemp("open")) as port:
        yield port


@pytest.fixture(scope="module")
def closed_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with tinyproxy(tmp_path_factory.mktemp("closed"), password=PASSWORD) as port:
        yield port


@pytest.fixture(scope="module")
def secure_proxy(authority: Authority, open_proxy: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    certificate = tmp_path_factory.mktemp("certificate") / "proxy.pem"
    authority.ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with behind_tls(open_proxy, certificate) as port:
        yield f"https://127.0.0.1:{port}"


@each_mode
@pytest.mark.usefixtures("each_transport")
def test_https_through_a_proxy(
    mode: Mode, authority: Authority, open_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{open_proxy}")
    with ScriptedServer(ok, tls=authority.good()) as server:
        assert all_fine(call_each_elsewhere(mode, server, ca_bundle=authority.file))
    # The proxy makes a tunnel: it sees neither the request nor the key, and adds nothing.
    assert len(server.requests) == len(METHODS)
    assert all(not request.all("via") for request in server.requests)


@pytest.mark.usefixtures("each_transport")
def test_http_through_a_proxy(mode: Mode, open_proxy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{open_proxy}")
    with ScriptedServer(ok) as server:
        assert all_fine(call_each_elsewhere(mode, server))
    assert all("tinyproxy" in request.one("via") for request in server.requests)


def test_through_a_proxy_on_httpx(
    mode: Mode, authority: Authority, open_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIBONACCI_TRANSPORT", "httpx")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{open_proxy}")
    with ScriptedServer(ok, tls=authority.good()) as server, ScriptedServer(ok) as plain:
        assert all_fine(call_each_elsewhere(mode, server, ca_bundle=authority.file))
        assert all_fine(call_each_elsewhere(mode, plain))
    assert all(not request.all("via") for request in server.requests)
    assert all("tinyproxy" in request.one("via") for request in plain.requests)


@pytest.mark.usefixtures("each_transport")
def test_a_proxy_that_accepts_the_credentials(
    mode: Mode, authority: Authority, closed_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://ada:{QUOTED}@127.0.0.1:{closed_proxy}")
    with ScriptedServer(ok, tls=authority.good()) as server:
        assert all_fine(call_each_elsewhere(mode, server, ca_bundle=authority.file))
    with ScriptedServer(ok) as plain:
        assert all_fine(call_each_elsewhere(mode, plain))
    assert all(not request.all("proxy-authorization") for request in [*server.requests, *plain.requests])


@pytest.mark.usefixtures("each_transport")
@pytest.mark.parametrize("user", ["", "ada:wrong@"])
def test_a_proxy_that_rejects_the_credentials(
    mode: Mode, user: str, authority: Authority, closed_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:{closed_proxy}")
    with ScriptedServer(ok, tls=authority.good()) as server:
        ended = call_each_elsewhere(mode, server, ca_bundle=authority.file)
    assert server.connections == 0
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert (one.api_error.attempts, one.api_error.outcome_unknown) == (1, False)
        assert "HTTPS_PROXY" in str(one.api_error)
        # not "407" alone: a port can contain it
        assert ("password" if "with status 407" in str(one.api_error) else "401 Unauthorized") in str(one.api_error)
        assert "wrong" not in str(one.api_error)


@pytest.mark.usefixtures("each_transport")
def test_plain_http_and_a_proxy_that_rejects_the_credentials(
    mode: Mode, closed_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_proxy}")
    with ScriptedServer(ok) as server:
        ended = call_each_elsewhere(mode, server)
    assert server.connections == 0
    for one in ended.values():
        assert isinstance(one.error, APIStatusError)
        assert one.error.status_code == 407
        assert "HTTP_PROXY" in str(one.error)


@pytest.mark.usefixtures("each_transport")
@pytest.mark.parametrize("exempt", [ELSEWHERE, "*", f"example.com, {ELSEWHERE}"])
def test_a_host_in_no_proxy_is_called_directly(mode: Mode, exempt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(ok) as proxy, ScriptedServer(ok) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("NO_PROXY", exempt)
        assert all_fine(call_each_elsewhere(mode, server))
    assert proxy.connections == 0
    assert len(server.requests) == len(METHODS)


@pytest.mark.usefixtures("each_transport")
@pytest.mark.parametrize(("variable", "host"), [("HTTP_PROXY", "127.0.0.1"), ("ALL_PROXY", "localhost")])
def test_this_machine_is_never_reached_through_a_proxy(
    mode: Mode, host: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(ok) as proxy, ScriptedServer(ok) as server:
        monkeypatch.setenv(variable, proxy.origin)
        assert all_fine(call_each(mode, server.base_url.replace("127.0.0.1", host)))
    assert proxy.connections == 0
    assert len(server.requests) == len(METHODS)


@pytest.mark.parametrize("name", ["SocketTransport", "HTTPXTransport"])
def test_a_transport_decides_for_each_origin(mode: Mode, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = mode.close_later(getattr(transports, f"Async{name}" if mode.is_async else name)())
    with ScriptedServer(ok) as proxy, ScriptedServer(ok) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        for url in (elsewhere(server), server.base_url) * 2:
            client = mode.client(KEY, base_url=url, transport=transport, allow_insecure=True)
            assert mode.end(client.request, "GET", "/x").value == {"fine": True}
        assert (proxy.connections, server.connections) == (1, 1)
    assert [request.target for request in proxy.requests] == [f"{elsewhere(server)}/x"] * 2
    assert [request.target for request in server.requests] == ["/v1/x"] * 2


def test_a_proxy_that_resets_the_tunnel_has_sent_nothing(
    mode: Mode, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(raw_then_reset(b"")) as proxy, ScriptedServer(ok, tls=authority.good()) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        ended = call_each_elsewhere(mode, server, ca_bundle=authority.file)
    assert server.connections == 0
    assert set(proxy.by_method()) == {"CONNECT"}
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert not one.api_error.outcome_unknown
    assert all(KEY not in str(request) for request in proxy.requests)


def test_a_proxy_that_responds_to_connect_with_502(
    mode: Mode, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        ScriptedServer(raw_then_close(head(502, length=0))) as proxy,
        ScriptedServer(ok, tls=authority.good()) as server,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        ended = call_each_elsewhere(mode, server, ca_bundle=authority.file)
    assert server.connections == 0
    # The gateway may find the server the next time, and nothing has been sent.
    assert proxy.by_method() == {"CONNECT": len(METHODS) * (1 + MAX_RETRIES)}
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert (one.api_error.attempts, one.api_error.outcome_unknown) == (1 + MAX_RETRIES, False)
        assert "the proxy responded to CONNECT" in str(one.api_error)
        assert "502 Whatever" in str(one.api_error)


@pytest.mark.parametrize(
    "response", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", head(200)[:-2], head(100) * 3], ids=["not HTTP", "cut", "interim only"]
)
def test_a_proxy_whose_response_to_connect_is_malformed(
    mode: Mode, response: bytes, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(raw_then_close(response)) as proxy, ScriptedServer(ok, tls=authority.good()) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        ended = call_each_elsewhere(mode, server, ca_bundle=authority.file)
    assert server.connections == 0
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert not one.api_error.outcome_unknown


def test_a_proxy_that_never_responds_to_connect(
    mode: Mode, authority: Authority, monkeypatch: pytest.MonkeyPatch, standstill: Standstill
) -> None:
    with ScriptedServer(lambda peer: peer.stall()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        client = mode.client(KEY, base_url=f"https://{ELSEWHERE}:1/v1", timeout=0.3, ca_bundle=authority.file)
        error = mode.end(client.request, "POST", "/x").api_error
    assert type(error) is APITimeoutError
    assert (error.attempts, error.outcome_unknown) == (1, False)
    assert error.elapsed - standstill.seconds <= longest(0.3)


@each_mode
@pytest.mark.usefixtures("each_transport")
def test_https_through_a_proxy_behind_tls(
    mode: Mode, secure_proxy: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", secure_proxy)
    with ScriptedServer(ok, tls=authority.good()) as server:
        assert all_fine(call_each_elsewhere(mode, server, ca_bundle=authority.file))
    assert all(not request.all("via") for request in server.requests)


@pytest.mark.usefixtures("each_transport")
def test_http_through_a_proxy_behind_tls(
    mode: Mode, secure_proxy: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", secure_proxy)
    with ScriptedServer(ok) as server:
        assert all_fine(call_each_elsewhere(mode, server, ca_bundle=authority.file))
    assert all("tinyproxy" in request.one("via") for request in server.requests)


@pytest.mark.usefixtures("each_transport")
def test_a_proxy_behind_tls_that_is_not_trusted(
    mode: Mode, secure_proxy: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", secure_proxy)
    with ScriptedServer(ok, tls=authority.good()) as server:
        ended = call_each_elsewhere(mode, server)
    assert server.connections == 0
    for one in ended.values():
        assert (one.api_error.attempts, one.api_error.outcome_unknown) == (1, False)
        assert "certificate verify failed" in str(one.api_error)


@pytest.mark.usefixtures("each_transport")
def test_an_unsupported_proxy_scheme_is_refused(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp://127.0.0.1:1")
    with ScriptedServer(ok) as server:
        ended = call_each_elsewhere(mode, server)
    assert server.connections == 0
    assert all("HTTP_PROXY" in str(one.api_error) for one in ended.values())
