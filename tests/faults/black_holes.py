"""Addresses that never respond, and a look at the kernel's table of connections. For Linux."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

SYN_SENT, CLOSE_WAIT = "02", "08"
"""States of the kernel's table: being connected, and closed by the peer alone."""


def connections_in(state: str, host: str, port: int) -> int:
    """Return how many connections to an IPv4 address are in a state, from the client's end."""
    peer = f"{socket.inet_aton(host)[::-1].hex().upper()}:{port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:])
    return sum(row[2:4] == [peer, state] for row in rows)


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
        return connections_in(SYN_SENT, self.host, self.port) - self._own

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
        self._own = connections_in(SYN_SENT, self.host, self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()
