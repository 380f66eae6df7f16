"""Which hosts the emulator answers to, and which keys may be used where other machines can reach it."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.http.messages import HTTPException
from fibonacci.emulator.origins import Hosts
from tests.kit.assertions import each_row

LONG_KEY = "a-key-of-20-letters-"


def outcome(host_header: str, **options: Any) -> str:
    """Return `accepted`, or the code of the refusal."""
    try:
        Hosts(**options).check(host_header)
    except HTTPException as error:
        return error.code
    return "accepted"


@each_row(
    "host",
    [
        *("localhost", "LocalHost", "localhost.", "a.b.localhost", "127.0.0.1", "127.255.0.9"),
        *("[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"),
    ],
)
@each_row("port", ["", ":", ":80", ":65535"])
def test_loopback_is_accepted_with_any_port(host: str, port: str) -> None:
    assert outcome(host + port) == "accepted"
    assert outcome(host + port, listens_on="192.168.1.5", named=["fibonacci.test"]) == "accepted"


@each_row(
    "host",
    [
        *("evil.example", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "host.docker.internal"),
        *("127.1", "2130706433", "0x7f.1", "127.0.0.01", "0.0.0.0", "128.0.0.1", "[::]", "[::2]", "[fe80::1%25eth0]"),
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    assert outcome(host) == outcome(f"{host}:8787") == "host_not_allowed"


@each_row(
    "host",
    [
        *("", " ", ":80", "a b", "a,b", "user@localhost", "localhost/", "localhost:http", "localhost:65536", "[::1"),
        *("::1", "[127.0.0.1]", "[localhost]", "localhost:80:80", "локалхост", "localhost\n", "x" * 400),
    ],
)
def test_malformed_hosts_are_bad_requests(host: str) -> None:
    assert outcome(host) == "bad_request"


def test_named_hosts_are_accepted() -> None:
    named = ["fibonacci.test", "my_container", "192.168.1.7", "2001:DB8::1"]
    for host in ("fibonacci.test", "FIBONACCI.test:80", "my_container", "192.168.1.7:1", "[2001:db8:0::1]:1"):
        assert outcome(host, named=named) == "accepted"
    for host in ("x.fibonacci.test", "fibonacci.test.evil.example", "192.168.1.8", "[2001:db8::2]"):
        assert outcome(host, named=named) == "host_not_allowed"


@each_row("name", ["", "*", "http://fibonacci.test", "fibonacci.test:80", "fibonacci.test/", "a b", ".test", "тест"])
def test_a_malformed_name_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(ValueError, match="allowed_hosts must list names and addresses as in a URL"):
        Emulator(allowed_hosts=[name])


def test_one_text_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(TypeError, match=r"allowed_hosts must be a list of strings, such as \['fibonacci.test'\]"):
        Emulator(allowed_hosts="fibonacci.test")
    with pytest.raises(TypeError, match="origins must be a list"):
        Emulator(origins="http://localhost:5173")


def raw(emulator: Emulator, *lines: str) -> bytes:
    """Send the head of a request and return the response."""
    parts = urlsplit(emulator.base_url)
    assert parts.port is not None
    with socket.create_connection((str(parts.hostname), parts.port), timeout=5) as sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_over_a_socket_nothing_of_a_foreign_host_gets_through(caplog: pytest.LogCaptureFixture) -> None:
    with Emulator(allowed_hosts=["fibonacci.test"], rate_limit=(1, 60)) as emulator:
        failure = emulator.fail("*", "reset")
        key = {"Authorization": f"Bearer {emulator.api_key}"}
        root = emulator.base_url.removesuffix("/v1")
        with httpx.Client(base_url=root, headers=key, trust_env=False) as client:
            refused = client.get("/", headers={"Host": "evil.example:8787"})  # the page is refused in words
            assert (refused.status_code, "--allowed-host evil.example" in refused.text) == (403, True)
            for path in ("/v1/health", "/_emulator/requests", "/v1/nowhere"):
                refused = client.get(path, headers={"Host": "evil.example:8787"})
                assert (refused.status_code, refused.json()["error"]["code"]) == (403, "host_not_allowed")
                message = refused.json()["error"]["message"]
                assert "allowed_hosts=['evil.example']" in message
                assert "--allowed-host evil.example" in message
                assert "X-RateLimit-Limit" not in refused.headers
            assert client.get("/v1/health", headers={"Host": "evil.example", "Authorization": ""}).status_code == 403
            assert (emulator.requests.count, failure.delivered) == (0, 0)
            assert "evil.example" in caplog.text
            emulator.failures.clear()
            assert client.get("/v1/health", headers={"Host": "fibonacci.test"}).status_code == 200


def test_a_missing_host_or_several_are_bad_requests() -> None:
    with Emulator() as emulator:
        key = f"Authorization: Bearer {emulator.api_key}"
        for lines in (
            ("GET /v1/health HTTP/1.0", key),
            ("GET /v1/health HTTP/1.1", key),
            ("GET /v1/health HTTP/1.1", "Host: localhost", "Host: evil.example", key),
            ("GET /v1/health HTTP/1.1", "Host: evil.example", "Host: localhost", key),
            ("GET /v1/health HTTP/1.1", "Host:", key),
        ):
            assert raw(emulator, *lines).startswith(b"HTTP/1.1 400 "), lines
        assert raw(emulator, "HEAD /v1/health HTTP/1.0", key).endswith(b"\r\n\r\n")
        assert raw(emulator, "GET /v1/health HTTP/1.0", "Host: localhost", key).startswith(b"HTTP/1.1 200 ")


def test_the_host_of_an_absolute_target_counts() -> None:
    with Emulator() as emulator:
        key = f"Authorization: Bearer {emulator.api_key}"
        for target, header, status in (
            ("http://localhost/v1/health", "evil.example", 200),
            ("http://evil.example/v1/health", "localhost", 403),
            ("http:///v1/health", "localhost", 400),
        ):
            response = raw(emulator, f"GET {target} HTTP/1.1", f"Host: {header}", key)
            assert response.startswith(b"HTTP/1.1 %d " % status), target


@each_row("host", ["0.0.0.0", "::", "192.168.1.5", "platform.example", ""])
def test_a_host_that_others_can_reach_needs_a_long_key(host: str) -> None:
    with pytest.raises(
        ValueError, match=r"is reachable from other machines: api_key must have 20 characters or more"
    ) as caught:
        Emulator(host=host, api_key=LONG_KEY[:-1])
    assert LONG_KEY[:-1] not in str(caught.value)
    assert Emulator(host=host, api_key=LONG_KEY).api_key == LONG_KEY
    assert len(Emulator(host=host).api_key) >= 20
