"""What clients of the socket may take up: those without a key get no body read, and none can shut the others out."""

from __future__ import annotations

import re
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from select import select
from typing import Literal

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.app import App
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.server import SocketServer
from tests.kit.assertions import each_row

KEY = "fib-test"
GET = f"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
_LONG = 60.0  # no test waits for it


@contextmanager
def serving(app: App, *, connections: int = 1_000, patience: float = _LONG) -> Generator[SocketServer]:
    server = SocketServer(app, "127.0.0.1", 0, connections=connections, patience=patience)
    try:
        yield server
    finally:
        server.close()


def connected(server: SocketServer, data: bytes = b"") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=_LONG)
    sock.sendall(data)
    return sock


def answer(sock: socket.socket) -> str:
    """Return the status of the next response, `no response` where the connection is closed instead."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (byte := sock.recv(1)):
            return "no response"
        head += byte
    sizes: list[bytes] = re.findall(rb"Content-Length: (\d+)", head)
    sock.recv(int(sizes[0]), socket.MSG_WAITALL)
    return head.split()[1].decode()


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(api_key=KEY)


@each_row(
    ("path", "role", "status"),
    [
        ("/v1/workflows", "unknown", 401),
        ("/v1/workflows", None, 401),
        ("/v1/workflows", "viewer", 403),
        ("/v1/organizations/default/tool-policies", "member", 403),
        ("/_emulator/restore", "unknown", 401),
        ("/_emulator/restore", "admin", 403),
        ("/ui/overview", None, 403),  # a form that no page has sent
    ],
)
def test_a_body_is_not_read_before_key_and_role_are_checked(
    path: str, role: KeyRole | Literal["unknown"] | None, status: int
) -> None:
    emulator = Emulator(api_key=KEY)
    key = "unknown" if role == "unknown" else None if role is None else emulator.key(role)
    head = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Length: 1000000000", "Expect: 100-continue"]
    head += [] if key is None else [f"Authorization: Bearer {key}"]
    with serving(app_of(emulator)) as server, connected(server) as sock:
        sock.sendall("\r\n".join([*head, "", ""]).encode() + b'{"name":')
        response = b"".join(iter(lambda: sock.recv(65_536), b""))  # nothing more is sent, and the connection ends
    assert response.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close\r\n" in response
    if path.startswith("/v1"):
        assert (emulator.requests.last.status, emulator.requests.last.json) == (status, None)


def test_beyond_the_bound_a_connection_waits_for_another_one_to_end(emulator: Emulator) -> None:
    with ExitStack() as stack, serving(app_of(emulator), connections=2) as server:
        socks = [stack.enter_context(connected(server, GET)) for _ in range(2)]
        assert [answer(sock) for sock in socks] == ["200"] * 2
        last = stack.enter_context(connected(server, GET))
        assert not select([last], [], [], 0.05)[0]
        socks[0].close()
        assert answer(last) == "200"


@each_row(
    ("data", "expected"),
    [
        (b"", ["no response"]),
        (GET[:-2], ["408"]),
        (GET + GET[:-2], ["200", "408"]),
        (GET.replace(b"GET", b"PUT")[:-2] + b"Content-Length: 10\r\n\r\n{", ["408"]),
        (GET, ["200", "no response"]),
    ],
)
def test_what_takes_too_long_is_ended(data: bytes, expected: list[str]) -> None:
    with serving(app_of(Emulator(api_key=KEY)), patience=0.1) as server, connected(server, data) as sock:
        assert [answer(sock) for _ in expected] == expected
