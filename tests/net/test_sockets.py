"""The SDK's sockets: their options, and reads and writes that need not wait."""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Callable

import anyio
import pytest

from fibonacci._async.transports import _network
from fibonacci._net.sockets import READ_SIZE, QuietSocket, is_closed_by_peer, new_socket, os_error
from fibonacci.transports import Deadline, Phases
from tests.kit.assertions import appears
from tests.kit.names import address
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.systems import linux_only

LONGEST_FREEZE = 0.25  # seconds of a processor; without turns for other tasks, the time of a call
FLOOD = 0.2  # seconds at least, and as long as it takes to receive so many bytes
FLOOD_BYTES = 100_000


@linux_only
@pytest.mark.parametrize("is_reset", [False, True])
def test_a_connection_that_the_peer_has_closed(is_reset: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sock = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
        with sock, peer:
            assert not is_closed_by_peer(sock)
            peer.send(b"unread")
            assert not is_closed_by_peer(sock)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", is_reset, 0))
            peer.close()
            assert appears(lambda: is_closed_by_peer(sock))


class TestOptions:
    def test_keepalive(self) -> None:
        named = {"TCP_KEEPIDLE": 60, "TCP_KEEPALIVE": 60, "TCP_KEEPINTVL": 60, "TCP_KEEPCNT": 5}
        expected = {name: value for name, value in named.items() if hasattr(socket, name)}
        assert len(expected) >= 3
        with new_socket(address("127.0.0.1", 80)) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert {name: sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in expected} == expected

    def test_there_is_no_delay_and_no_bound_for_unacknowledged_data(self) -> None:
        with new_socket(address("127.0.0.1", 80)) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0

    def test_an_option_that_the_system_refuses_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")

        monkeypatch.setattr(QuietSocket, "setsockopt", refuse)
        with new_socket(address("127.0.0.1", 80)) as sock:
            assert sock.fileno() >= 0

    def test_an_error_code_becomes_the_exception_of_its_kind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        refused = os_error(errno.ECONNREFUSED)
        assert type(refused) is ConnectionRefusedError
        assert str(refused) == f"[Errno {errno.ECONNREFUSED}] Connection refused"
        monkeypatch.setattr(socket, "errorTab", {10061: "Connection refused."}, raising=False)
        assert str(os_error(10061)) == "[Errno 10061] Connection refused."


def flood(peer: Peer) -> None:
    """Send without end, faster than anyone reads."""
    while not peer.is_closed:
        peer.send(bytes(1 << 20))


def greet_and_read(peer: Peer) -> None:
    peer.send(b"hello")
    peer.stall()


async def longest_freeze(is_over: Callable[[], bool]) -> float:
    """Return the longest time that the event loop's thread spends between two turns of a task, until all is over."""
    longest = 0.0
    while not is_over():
        began = time.thread_time()
        await anyio.sleep(0.001)
        longest = max(longest, time.thread_time() - began)
    return longest


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
class TestTurns:
    def test_a_flood_leaves_turns_to_other_tasks(self, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_network, "READ_SIZE", 256)  # so that the server is always ahead
        received = 0

        async def read(port: int) -> None:
            nonlocal received
            stream = await _network.connect("127.0.0.1", port, Deadline(30), Phases())
            try:
                while True:
                    received += len(await stream.read(Deadline(30)))
            finally:
                stream.close()

        async def main(port: int) -> float:
            canceled = freeze = 0.0
            ends = time.monotonic() + FLOOD
            async with anyio.create_task_group() as group:
                group.start_soon(read, port)
                freeze = await longest_freeze(lambda: received > FLOOD_BYTES and time.monotonic() > ends)
                group.cancel_scope.cancel()
                canceled = time.thread_time()
            assert time.thread_time() - canceled < LONGEST_FREEZE
            return freeze

        with ScriptedServer(greet=flood) as server:
            assert anyio.run(main, server.port, backend=backend) < LONGEST_FREEZE
        assert server.delivered == 1

    @pytest.mark.parametrize("operation", ["read", "write"])
    def test_what_need_not_wait_notices_a_cancellation(self, backend: str, operation: str) -> None:
        async def main(port: int) -> bool:
            stream = await _network.connect("127.0.0.1", port, Deadline(5), Phases())
            while not stream.is_readable():
                await anyio.sleep(0.001)
            with anyio.CancelScope() as scope:
                scope.cancel()
                if operation == "read":
                    await stream.read(Deadline(5))
                else:
                    await stream.write(bytes(READ_SIZE + 1), Deadline(5))
            assert operation == "read" or stream.bytes_sent == READ_SIZE + 1
            stream.close()
            return scope.cancelled_caught

        with ScriptedServer(greet=greet_and_read) as server:
            assert anyio.run(main, server.port, backend=backend)
