"""Through a real proxy, and through ones that refuse, are not there, or are not wanted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fibonacci import APIConnectionError, APIStatusError, APITimeoutError
from tests.faults.certificates import Authority
from tests.faults.driving import COLOURS, KEY, METHODS, Colour, Driver, all_fine, call_each, longest
from tests.faults.expectations import MAX_RETRIES
from tests.faults.faults import head, ok, raw_then_close, raw_then_reset
from tests.faults.proxies import PASSWORD, QUOTED, behind_tls, tinyproxy
from tests.faults.server import FaultServer


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


@pytest.mark.parametrize("colour", COLOURS)
def test_https_through_a_proxy(
    colour: Colour, authority: Authority, open_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{open_proxy}")
    with FaultServer(ok, tls=authority.good()) as server:
        assert all_fine(call_each(colour, server.base_url, ca_bundle=authority.file))
    # The proxy makes a tunnel: it sees neither the request nor the key, and adds nothing.
    assert len(server.requests) == len(METHODS)
    assert all("via" not in request.headers for request in server.requests)


@pytest.mark.parametrize("colour", COLOURS)
def test_http_through_a_proxy(colour: Colour, open_proxy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{open_proxy}")
    with FaultServer(ok) as server:
        assert all_fine(call_each(colour, server.base_url))
    assert all("tinyproxy" in request.headers["via"] for request in server.requests)


@pytest.mark.parametrize("colour", COLOURS)
def test_through_a_proxy_on_httpx(
    colour: Colour, authority: Authority, open_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIBONACCI_TRANSPORT", "httpx")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{open_proxy}")
    with FaultServer(ok, tls=authority.good()) as server, FaultServer(ok) as plain:
        assert all_fine(call_each(colour, server.base_url, ca_bundle=authority.file))
        assert all_fine(call_each(colour, plain.base_url))
    assert all("via" not in request.headers for request in server.requests)
    assert all("tinyproxy" in request.headers["via"] for request in plain.requests)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_that_gets_its_password(
    colour: Colour, authority: Authority, closed_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://ada:{QUOTED}@127.0.0.1:{closed_proxy}")
    with FaultServer(ok, tls=authority.good()) as server:
        assert all_fine(call_each(colour, server.base_url, ca_bundle=authority.file))
    with FaultServer(ok) as plain:
        assert all_fine(call_each(colour, plain.base_url))
    assert all("proxy-authorization" not in request.headers for request in [*server.requests, *plain.requests])


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("user", ["", "ada:wrong@"])
def test_a_proxy_that_does_not_get_its_password(
    colour: Colour, user: str, authority: Authority, closed_proxy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:{closed_proxy}")
    with FaultServer(ok, tls=authority.good()) as server:
        ended = call_each(colour, server.base_url, ca_bundle=authority.file)
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
        ended = call_each(colour, server.base_url)
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
        assert all_fine(call_each(colour, server.base_url))
    assert proxy.connections == 0
    assert len(server.requests) == len(METHODS)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_that_resets_the_tunnel_has_sent_nothing(
    colour: Colour, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer(raw_then_reset(b"")) as proxy, FaultServer(ok, tls=authority.good()) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        ended = call_each(colour, server.base_url, ca_bundle=authority.file)
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
        ended = call_each(colour, server.base_url, ca_bundle=authority.file)
    assert server.connections == 0
    # The gateway may find the server the next time, and nothing has been sent.
    assert proxy.by_method() == {"CONNECT": len(METHODS) * (1 + MAX_RETRIES)}
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert (one.api_error.attempts, one.api_error.outcome_unknown) == (1 + MAX_RETRIES, False)
        assert "the proxy responded to CONNECT" in str(one.api_error)
        assert "502 Whatever" in str(one.api_error)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", head(200)[:-2], head(100) * 3], ids=["not HTTP", "cut", "interim only"]
)
def test_a_proxy_that_does_not_answer_the_tunnel_well(
    colour: Colour, answer: bytes, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer(raw_then_close(answer)) as proxy, FaultServer(ok, tls=authority.good()) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        ended = call_each(colour, server.base_url, ca_bundle=authority.file)
    assert server.connections == 0
    for one in ended.values():
        assert type(one.api_error) is APIConnectionError
        assert not one.api_error.outcome_unknown


@pytest.mark.parametrize("colour", COLOURS)
def test_a_tunnel_that_never_opens(colour: Colour, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(lambda peer: peer.stall()) as proxy, Driver(colour) as driver:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        client = driver.client("https://127.0.0.1:1/v1", timeout=0.3, ca_bundle=authority.file)
        error = driver.end(client.request, "POST", "/x").api_error
    assert type(error) is APITimeoutError
    assert (error.attempts, error.outcome_unknown) == (1, False)
    assert error.elapsed <= longest(0.3)


@pytest.mark.parametrize("colour", COLOURS)
def test_https_through_a_proxy_behind_tls(
    colour: Colour, secure_proxy: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", secure_proxy)
    with FaultServer(ok, tls=authority.good()) as server:
        assert all_fine(call_each(colour, server.base_url, ca_bundle=authority.file))
    assert all("via" not in request.headers for request in server.requests)


@pytest.mark.parametrize("colour", COLOURS)
def test_http_through_a_proxy_behind_tls(
    colour: Colour, secure_proxy: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", secure_proxy)
    with FaultServer(ok) as server:
        assert all_fine(call_each(colour, server.base_url, ca_bundle=authority.file))
    assert all("tinyproxy" in request.headers["via"] for request in server.requests)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_behind_tls_that_is_not_trusted(
    colour: Colour, secure_proxy: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", secure_proxy)
    with FaultServer(ok, tls=authority.good()) as server:
        ended = call_each(colour, server.base_url)
    assert server.connections == 0
    for one in ended.values():
        assert (one.api_error.attempts, one.api_error.outcome_unknown) == (1, False)
        assert "certificate verify failed" in str(one.api_error)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_that_is_none(colour: Colour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp://127.0.0.1:1")
    with FaultServer(ok) as server:
        ended = call_each(colour, server.base_url)
    assert server.connections == 0
    assert all("HTTP_PROXY" in str(one.api_error) for one in ended.values())
