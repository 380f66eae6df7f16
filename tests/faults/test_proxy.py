"""Calls through a real HTTP proxy, and through ones that refuse, are absent, or are exempted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fibonacci import APIConnectionError, APIStatusError, transports
from tests.faults.calls import KEY, ONE_OF_EACH, all_fine, call_each
from tests.faults.expectations import MAX_RETRIES
from tests.faults.proxies import ELSEWHERE, PASSWORD, QUOTED, behind_tls, call_each_elsewhere, elsewhere, tinyproxy
from tests.kit.assertions import check_rows
from tests.kit.certificates import Authority
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import head, ok, raw_then_close, raw_then_reset

# Each process that has one of these starts the servers.
pytestmark = pytest.mark.xdist_group("proxies")

NETWORKS = [("socket", "sync"), ("socket", "asyncio"), ("socket", "trio"), ("httpx", "asyncio")]
"""Transports and modes that have network code of their own."""
each_network = pytest.mark.parametrize(("transport", "mode"), NETWORKS, indirect=["mode"])


@pytest.fixture(scope="module")
def open_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tinyproxy(tmp_path_factory.mktemp("open")) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def closed_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tinyproxy(tmp_path_factory.mktemp("closed"), password=PASSWORD) as port:
        yield f"http://ada:{QUOTED}@127.0.0.1:{port}"


@pytest.fixture(scope="module")
def secure_proxy(authority: Authority, open_proxy: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    certificate = tmp_path_factory.mktemp("certificate") / "proxy.pem"
    authority.ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with behind_tls(int(open_proxy.rpartition(":")[2]), certificate) as port:
        yield f"https://127.0.0.1:{port}"


@each_network
@pytest.mark.parametrize("proxy", ["open_proxy", "closed_proxy", "secure_proxy"])
def test_through_a_proxy(
    mode: Mode,
    transport: str,
    proxy: str,
    authority: Authority,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over https, of which the proxy sees neither the request nor the key, and over http."""
    monkeypatch.setenv("ALL_PROXY", request.getfixturevalue(proxy))
    options = {"ca_bundle": authority.file, "transport": transport}
    with ScriptedServer(ok, tls=authority.good()) as server, ScriptedServer(ok) as plain:
        assert all_fine(call_each_elsewhere(mode, server, **options))
        assert all_fine(call_each_elsewhere(mode, plain, **options))
    assert len(server.requests) == len(ONE_OF_EACH)
    assert all(not request.all("via") for request in server.requests)
    assert all("tinyproxy" in request.one("via") for request in plain.requests)
    assert all(not request.all("proxy-authorization") for request in [*server.requests, *plain.requests])


@pytest.mark.usefixtures("each_transport")
def test_a_proxy_that_rejects_the_credentials(
    mode: Mode, authority: Authority, closed_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in ("", "ada:wrong@"):
        monkeypatch.setenv("HTTPS_PROXY", closed_proxy.replace(f"ada:{QUOTED}@", user))
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


def test_plain_http_and_a_proxy_that_rejects_the_credentials(
    mode: Mode, closed_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", closed_proxy.replace(f"ada:{QUOTED}@", ""))
    with ScriptedServer(ok) as server:
        ended = call_each_elsewhere(mode, server)
    assert server.connections == 0
    for one in ended.values():
        assert isinstance(one.error, APIStatusError)
        assert one.error.status_code == 407
        assert "HTTP_PROXY" in str(one.error)


def test_a_host_in_no_proxy_is_called_directly(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(ok) as proxy, ScriptedServer(ok) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("NO_PROXY", f"example.com, {ELSEWHERE}")
        assert all_fine(call_each_elsewhere(mode, server))
    assert proxy.connections == 0
    assert len(server.requests) == len(ONE_OF_EACH)


def test_this_machine_is_never_reached_through_a_proxy(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(ok) as proxy, ScriptedServer(ok) as server:
        monkeypatch.setenv("ALL_PROXY", proxy.origin)
        assert all_fine(call_each(mode, server.base_url.replace("127.0.0.1", "localhost")))
    assert proxy.connections == 0
    assert len(server.requests) == len(ONE_OF_EACH)


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


def test_a_proxy_that_makes_no_tunnel_has_sent_nothing(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may make one the next time."""
    malformed = {"not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "cut": head(200)[:-2], "interim only": head(100) * 3}
    steps = {"reset": raw_then_reset(b""), "502": raw_then_close(head(502, length=0))}
    steps |= {name: raw_then_close(response) for name, response in malformed.items()}

    def check(name: str) -> None:
        with ScriptedServer(steps[name]) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
            ended = call_each(mode, f"https://{ELSEWHERE}:1/v1")
        attempts = 1 + MAX_RETRIES
        assert proxy.by_method() == {"CONNECT": len(ONE_OF_EACH) * attempts}
        for one in ended.values():
            assert type(one.api_error) is APIConnectionError
            assert (one.api_error.attempts, one.api_error.outcome_unknown) == (attempts, False)
            assert ("the proxy responded to CONNECT" in str(one.api_error)) == (name == "502")
        assert all(KEY not in str(request) for request in proxy.requests)

    check_rows([(name, name) for name in steps], check)


@pytest.mark.usefixtures("each_transport")
def test_an_unsupported_proxy_scheme_is_refused(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp://127.0.0.1:1")
    with ScriptedServer(ok) as server:
        ended = call_each_elsewhere(mode, server)
    assert server.connections == 0
    assert all("HTTP_PROXY" in str(one.api_error) for one in ended.values())
