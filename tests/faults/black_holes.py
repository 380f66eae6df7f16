"""Addresses that never respond, and a look at the kernel's table of connections. For Linux."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

_ESTABLISHED, _SYN_SENT = 1, 2
# Of netlink's sock_diag.
_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _REQUEST, _DUMP, _DONE = 4, 20, 0x1, 0x300, 3


class BlackHole:
    """An address that drops every connection attempt: it listens, and its backlog is full.

    Args:
        host: The address, of the loopback network.
        port: The port; 0 for a free one.
    """

    def __init__(self, host: str = "127.0.0.2", port: int = 0) -> None:
        self.host = host
        self.port = port
        self._resources = ExitStack()
        self._own = 0

    @property
    def attempts(self) -> int:
        """The number of attempts to connect that are under way."""
        return _count(self.host, self.port, _SYN_SENT) - self._own

    def __enter__(self) -> Self:
        with self._resources as resources:
            listener = resources.enter_context(socket.create_server((self.host, self.port), backlog=0))
            self.port = listener.getsockname()[1]
            for _ in range(8):  # the queue holds one or two
                waiting = resources.enter_context(socket.socket())
                waiting.settimeout(0.05)
                try:
                    waiting.connect((self.host, self.port))
                except TimeoutError:
                    waiting.setblocking(False)
                    waiting.connect_ex((self.host, self.port))
                    break
            else:
                raise AssertionError("the system accepts more than the backlog")
            self._resources = resources.pop_all()
        self._own = _count(self.host, self.port, _SYN_SENT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()


def _count(host: str, port: int, state: int) -> int:
    return sum(1 for _ in _connections(host, port, state))


class _Connection(NamedTuple):
    """The beginning of the kernel's `struct inet_diag_msg`."""

    family: int
    state: int
    timer: int
    retransmits: int
    port: int
    peer_port: int
    address: bytes
    peer_address: bytes


def _connections(host: str, port: int, state: int) -> Iterator[_Connection]:
    """Yield the connections to an IPv4 address that are in a state, from the client's end.

    The kernel's table has tens of thousands of closed connections when many tests have run: it is asked for one state.
    """
    header = struct.pack("=IHHII", 72, _SOCK_DIAG_BY_FAMILY, _REQUEST | _DUMP, 0, 0)
    request = struct.pack("=BBBBI48x", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 1 << state)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.send(header + request)
        while True:
            data = kernel.recv(1 << 20)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind != _SOCK_DIAG_BY_FAMILY:  # the end, or an error
                    assert kind == _DONE
                    return
                found = _Connection(*struct.unpack_from("!BBBBHH16s16s", data, 16))
                if (found.peer_port, found.peer_address[:4]) == (port, socket.inet_aton(host)):
                    yield found
                data = data[(length + 3) & ~3 :]
