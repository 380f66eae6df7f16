"""The name service of the tests: what `socket.getaddrinfo` returns for the names of a test."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

Lookup = Callable[..., list[Any]]


class NameService:
    """Replaces `socket.getaddrinfo` while a test runs. Names that it does not know are resolved as ever.

    Attributes:
        lookups: How often each name was looked up.
        released: Set when lookups that hang are to end; a test sets it at its end.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._found: dict[str, Callable[[], Sequence[str]]] = {}
        self._lock = threading.Lock()
        self.lookups: Counter[str] = Counter()
        self.released = threading.Event()
        real: Lookup = socket.getaddrinfo

        def resolve(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
            host = host.decode("ascii") if isinstance(host, bytes) else host  # anyio has encoded it
            if host not in self._found:
                return real(host, port, *args, **options)
            with self._lock:
                self.lookups[host] += 1
            return [address(one, port) for one in self._found[host]()]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    def add(self, name: str, *addresses: str) -> None:
        """Have a name resolve to IP addresses."""
        self._found[name] = lambda: addresses

    def add_failing(self, name: str, error: Exception) -> None:
        """Have the lookups of a name fail."""

        def fail() -> Sequence[str]:
            raise error

        self._found[name] = fail

    def add_hanging(self, name: str, *addresses: str, times: int | None = None) -> None:
        """Have the lookups of a name hang until `released` is set: the first so many, or all."""

        def hang() -> Sequence[str]:
            if times is None or self.lookups[name] <= times:
                self.released.wait(30)
            return addresses

        self._found[name] = hang


def address(host: str, port: int) -> Any:
    """Return an IP address as `socket.getaddrinfo` does."""
    if ":" in host:
        return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))
