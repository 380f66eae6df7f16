"""What a signal handler or a timer raises inside a call leaves the call as it is: it says nothing about the network."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fibonacci import APIConnectionError, AsyncFibonacci, Fibonacci
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse
from tests.faults.calls import KEY
from tests.kit.assertions import each_row
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import head, ok
from tests.kit.systems import needs_signals


class SoftTimeLimitExceeded(Exception):
    """That of Celery: an `Exception` of a signal handler."""


class Interruption(ConnectionError):
    """What an application raises, of a class that the network has too."""


FOREIGN: list[Callable[[], Exception]] = [SoftTimeLimitExceeded, TimeoutError, Interruption, LookupError, ValueError]


@pytest.fixture
def handled() -> Iterator[list[Exception]]:
    """Raise the exceptions of the list, one for each SIGUSR1."""
    to_raise: list[Exception] = []

    def handle(*_: object) -> None:
        if to_raise:
            raise to_raise.pop()

    before = signal.signal(signal.SIGUSR1, handle)
    yield to_raise
    signal.signal(signal.SIGUSR1, before)


def interrupting(begun: bytes, handled: list[Exception]) -> Callable[[Peer], None]:
    """Send some bytes, and then signals until one is handled: one that comes before a read begins does not end it."""
    main = threading.main_thread().ident
    assert main is not None

    def step(peer: Peer) -> None:
        peer.send(begun)
        while handled and peer.pause(0.02):
            signal.pthread_kill(main, signal.SIGUSR1)
        peer.stall()

    return step


@needs_signals
@each_row(("transport", "begun"), [("socket", b""), ("socket", head(200, length=99) + b"{"), ("httpx", b"")])
def test_of_a_signal_handler(transport: Any, begun: bytes, handled: list[Exception]) -> None:
    """It is the same object, nothing is sent again, the connection is closed, and the next call works."""
    step = interrupting(begun, handled)
    for make in FOREIGN:
        foreign = make()
        if transport == "httpx" and isinstance(foreign, OSError):  # httpx takes it for one of the network
            continue
        handled.append(foreign)
        with ScriptedServer(step, ok) as server:
            with Fibonacci(KEY, base_url=server.base_url, transport=transport, max_connections=1) as client:
                with pytest.raises(type(foreign)) as caught:
                    client.request("POST" if make is LookupError else "GET", "/x")
                assert caught.value is foreign
                assert client.request("GET", "/x") == {"fine": True}
            assert (len(server.requests), server.connections, handled) == (2, 2, [])
            note = "POST /x was interrupted, and may have been carried out (idempotency key: "
            keys = [key for request in server.requests for key in request.all("idempotency-key")]
            assert getattr(foreign, "__notes__", []) == [f"{note}{key})" for key in keys]


class InterruptedLoop(asyncio.SelectorEventLoop):
    """An event loop in which something is raised where a task has waited for a response."""

    error: Exception | None

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        if self.error is None:
            return await super().sock_recv(sock, n)
        error, self.error = self.error, None
        raise error


def test_in_a_task() -> None:
    async def main(server: ScriptedServer, error: Exception) -> None:
        async with AsyncFibonacci(KEY, base_url=server.base_url, max_connections=1) as client:
            with pytest.raises(type(error)) as caught:
                await client.request("GET", "/x")
            assert caught.value is error
            assert await client.request("GET", "/x") == {"fine": True}

    for make in FOREIGN:
        with ScriptedServer(ok) as server, asyncio.Runner(loop_factory=InterruptedLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, InterruptedLoop)
            loop.error = make()
            runner.run(main(server, loop.error))
            assert loop.error is None
        assert (len(server.requests), server.connections) == (2, 2)


def test_a_transport_of_the_user_keeps_the_catch_all() -> None:
    class Failing:
        def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
            raise SoftTimeLimitExceeded

        def close(self) -> None: ...

    client = Fibonacci(KEY, base_url="http://127.0.0.1:9", transport=Failing())
    with pytest.raises(APIConnectionError, match="the transport failed"):
        client.request("GET", "/x")
