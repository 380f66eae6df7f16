from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.http.messages import MAX_BODY
from tests.kit.assertions import each_row, is_quick


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(api_key="fib-test") as running:
        yield running


def address(emulator: Emulator) -> tuple[str, int]:
    parts = urlsplit(emulator.base_url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def head(method: str, path: str, *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Authorization: Bearer fib-test", *more, "", ""]
    return "\r\n".join(lines).encode()


def talk(emulator: Emulator, data: bytes) -> bytes:
    """Send bytes, close the sending side, and return everything received."""
    with socket.create_connection(address(emulator), timeout=5) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_requests_follow_each_other_on_one_connection(emulator: Emulator) -> None:
    connection = http.client.HTTPConnection(*address(emulator), timeout=5)
    connection.connect()
    first = connection.sock
    headers = {"Authorization": "Bearer fib-test"}
    for method, path, body, status in (
        ("POST", "/v1/workflows", json.dumps({"name": "ä" * 100_000}), 201),
        ("GET", "/v1/workflows?limit=1", None, 200),
        ("HEAD", "/v1/workflows", None, 405),
        ("POST", "/v1/workflows", "{", 400),
        ("PUT", "/v1/memory/user%2Fprefs", '{"value": 1}', 200),
        ("DELETE", "/v1/memory/user%2Fprefs", None, 204),
        ("CONNECT", "example.org:443", None, 404),
        ("GET", "http://localhost/v1/health", None, 200),
        ("GET", "http://example.org/v1/health", None, 403),  # its host counts, not that of the header
    ):
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        assert response.status == status
        assert (content == b"") == (status == 204 or method == "HEAD")
        assert connection.sock is first
    connection.close()


def test_a_chunked_body_is_read(emulator: Emulator) -> None:
    chunks = b'8\r\n{"name":\r\n5\r\n "x"}\r\n0\r\n\r\n'
    response = talk(emulator, head("POST", "/v1/workflows", "Transfer-Encoding: chunked") + chunks)
    assert response.startswith(b"HTTP/1.1 201 ")


@each_row(
    "data",
    [
        b"what\r\n\r\n",
        b"GET /v1/health HTTP/x\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\n\r\n",  # HTTP/1.1 requires a Host
        head("GET", "/v1/health", "Content-Length: x"),
        head("POST", "/v1/workflows", "Content-Length: " + "9" * 5000),
        head("POST", "/v1/workflows", "Transfer-Encoding: chunked") + b"what\r\n",
        head("GET", "/v1/" + "x" * 1_000_000),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100 + b"\r\n\r\n",  # TLS
    ],
)
def test_data_that_is_not_http_is_400_and_closes(emulator: Emulator, data: bytes) -> None:
    response = talk(emulator, data)
    top, _, body = response.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in top.lower()
    assert b"x-ratelimit-limit: " in top.lower()
    assert json.loads(body)["error"]["code"] == "bad_request"


def test_expect_100_continue(emulator: Emulator) -> None:
    with socket.create_connection(address(emulator), timeout=5) as sock:
        sock.sendall(head("POST", "/v1/workflows", "Content-Length: 12", "Expect: 100-continue"))
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b'{"name":"x"}')
        assert sock.recv(1000).startswith(b"HTTP/1.1 201 ")


def test_a_body_over_the_limit_is_refused_before_it_is_sent(emulator: Emulator) -> None:
    asked = head("POST", "/v1/workflows", f"Content-Length: {MAX_BODY + 1}", "Expect: 100-continue")
    assert talk(emulator, asked).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_over_the_limit_gets_its_response(emulator: Emulator) -> None:
    size = 1024 * 1024
    chunk = f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"
    data = head("POST", "/v1/workflows", "Transfer-Encoding: chunked") + chunk * 11
    assert talk(emulator, data).startswith(b"HTTP/1.1 413 ")


def test_starting_and_stopping_is_quick_even_with_idle_connections() -> None:
    def start_and_stop() -> None:
        with Emulator(api_key="fib-test") as emulator:
            idle = stack.enter_context(socket.create_connection(address(emulator)))
            idle.sendall(head("GET", "/v1/health"))
            assert idle.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert idle.recv(1) == b""

    with ExitStack() as stack:
        assert is_quick(start_and_stop, 0.02)


def test_no_thread_is_left() -> None:
    before = {*threading.enumerate()}  # a thread that another test has left may end meanwhile
    with Emulator() as emulator:
        talk(emulator, head("GET", "/v1/health"))
    assert {*threading.enumerate()} <= before
