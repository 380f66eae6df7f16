"""What clients of the socket may take up: those without a key get no body read, and none can shut the others out."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from select import select
from typing import Literal

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import HTTPException, ServerRequest, ServerResponse
from fibonacci.emulator.page.mount import WithPage
from fibonacci.emulator.serving.connection import MAX_FIELDS, Application
from fibonacci.emulator.serving.server import ServerBounds, SocketServer
from tests.kit.assertions import each_row
from tests.kit.systems import needs_descriptor_limits

KEY = "fib-test"
GET = f"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
_LONG = 60.0  # no test waits for it


class Held:
    """An application whose requests wait until they are released."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.released = threading.Event()

    def handle(self, request: ServerRequest) -> ServerResponse:
        self.begun.release()
        self.released.wait(_LONG)
        return ServerResponse(200, [("Content-Length", "0")], b"")

    def refuse(self, error: HTTPException, request: ServerRequest | None) -> ServerResponse:
        return ServerResponse(error.status, [("Content-Length", "0")], b"")

    def body_limit(self, request: ServerRequest) -> int | None:
        return 0


@contextmanager
def serving(app: Application, **bounds: float) -> Generator[SocketServer]:
    server = SocketServer(app, "127.0.0.1", 0, ServerBounds(**bounds))  # type: ignore[arg-type]
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


def server_threads(before: set[threading.Thread]) -> int:
    return len({*threading.enumerate()} - before)


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
    with serving(WithPage(app_of(emulator))) as server, connected(server) as sock:
        sock.sendall("\r\n".join([*head, "", ""]).encode() + b'{"name":')
        response = b"".join(iter(lambda: sock.recv(65_536), b""))  # nothing more is sent, and the connection ends
    assert response.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close\r\n" in response
    if path.startswith("/v1"):
        assert (emulator.requests.last.status, emulator.requests.last.json) == (status, None)


def test_a_hundred_connections_take_no_more_threads_than_the_bound(emulator: Emulator) -> None:
    before = {*threading.enumerate()}
    with ExitStack() as stack, serving(app_of(emulator), threads=8) as server:
        for number in range(100):
            data = (b"", GET[:20], GET, GET[:-2])[number % 4]
            sock = stack.enter_context(connected(server, data))
            assert data != GET or answer(sock) == "200"
        assert server_threads(before) <= 1 + 8
        with connected(server, GET) as sock:
            assert answer(sock) == "200"


def test_requests_beyond_the_threads_wait_for_one() -> None:
    app, before = Held(), {*threading.enumerate()}
    with ExitStack() as stack, serving(app, threads=3) as server:
        socks = [stack.enter_context(connected(server, GET)) for _ in range(12)]
        for _ in range(3):
            assert app.begun.acquire(timeout=_LONG)
        assert server_threads(before) == 1 + 3
        app.released.set()
        assert [answer(sock) for sock in socks] == ["200"] * 12
        assert server_threads(before) <= 1 + 3


def test_who_does_not_read_takes_up_no_thread(emulator: Emulator) -> None:
    file = b"GET /ui/static/page.js HTTP/1.1\r\nHost: localhost\r\n\r\n"  # for which no key is needed
    with ExitStack() as stack, serving(WithPage(app_of(emulator)), threads=2, connections=5) as server:
        for _ in range(4):
            stack.enter_context(connected(server, file * 1_000)).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        for _ in range(10):
            with connected(server, GET) as sock:
                assert answer(sock) == "200"


def test_a_new_connection_takes_the_place_of_one_that_waits(emulator: Emulator) -> None:
    with ExitStack() as stack, serving(app_of(emulator), connections=4) as server:
        known = [stack.enter_context(connected(server, GET)) for _ in range(2)]
        assert [answer(sock) for sock in known] == ["200"] * 2
        strangers = [stack.enter_context(connected(server, GET[:20])) for _ in range(2)]
        newer = [stack.enter_context(connected(server)) for _ in range(50)]
        assert [answer(sock) for sock in (*strangers, *newer[:-2])] == ["no response"] * 50
        for sock in (*known, newer[-1]):  # those with a key keep theirs while others have sent nothing
            sock.sendall(GET)
            assert answer(sock) == "200"


def test_while_all_are_at_work_a_new_connection_waits() -> None:
    app = Held()
    with ExitStack() as stack, serving(app, connections=2, threads=2) as server:
        socks = [stack.enter_context(connected(server, GET)) for _ in range(2)]
        for _ in socks:
            assert app.begun.acquire(timeout=_LONG)
        last = stack.enter_context(connected(server, GET))
        assert not app.begun.acquire(timeout=0)
        app.released.set()
        assert [answer(sock) for sock in (*socks, last)] == ["200"] * 3


LIMITED = """
import resource, sys
from fibonacci.emulator import Emulator
resource.setrlimit(resource.RLIMIT_NOFILE, (60, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
with Emulator(api_key="fib-test") as emulator:
    print(emulator.base_url.rpartition(":")[2].partition("/")[0], flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
@needs_descriptor_limits
def test_without_file_descriptors_a_new_connection_takes_the_place_of_one_that_waits() -> None:
    pipe = subprocess.PIPE
    with ExitStack() as stack, subprocess.Popen([sys.executable, "-c", LIMITED], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        strangers = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(150)]
        for _ in strangers[:5]:
            with socket.create_connection(("127.0.0.1", port), timeout=_LONG) as sock:
                sock.sendall(GET)
                assert answer(sock) == "200"
        process.communicate(timeout=_LONG)
    assert process.returncode == 0


def test_without_threads_a_request_waits_for_one(monkeypatch: pytest.MonkeyPatch, emulator: Emulator) -> None:
    start, refused = threading.Thread.start, threading.Event()

    def refuse_once(thread: threading.Thread) -> None:
        if refused.is_set():
            start(thread)
        else:
            refused.set()
            raise RuntimeError("can't start new thread")

    with serving(app_of(emulator)) as server:
        monkeypatch.setattr(threading.Thread, "start", refuse_once)
        with connected(server, GET) as sock:
            assert answer(sock) == "200"
    assert refused.is_set()


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
    seconds = 0.0
    emulator = Emulator(api_key=KEY)
    server = SocketServer(app_of(emulator), "127.0.0.1", 0, clock=lambda: seconds)
    with closing(server), connected(server, data) as sock:
        for status in expected[:-1]:
            assert answer(sock) == status
        while not select([sock], [], [], 0)[0]:
            with connected(server, GET) as other:  # when this is answered, the server has seen what was sent before
                assert answer(other) == "200"
            seconds += 1_000
        assert answer(sock) == expected[-1]


def test_a_client_that_never_stops_after_the_last_response_is_cut(emulator: Emulator) -> None:
    data = GET.replace(KEY.encode(), b"wrong")
    with serving(app_of(emulator), closing=0.02) as server, connected(server, data) as sock:
        assert [answer(sock), answer(sock)] == ["401", "no response"]
        with suppress(ConnectionError):
            while sock.send(b"x"):
                pass


def test_a_head_has_a_bounded_number_of_fields(emulator: Emulator) -> None:
    fields = b"".join(b"x%d: y\r\n" % number for number in range(MAX_FIELDS - 1))
    with serving(app_of(emulator)) as server, connected(server, GET[:-2] + fields + b"\r\n") as sock:
        assert answer(sock) == "400"
