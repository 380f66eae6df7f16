"""Redis and Valkey as ordinary child processes, which can be killed and started again at the same port."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from tests.kit.programs import free_port, running

REDIS_SERVERS = ("redis-server", "valkey-server")


class RedisServer:
    """A server that keeps nothing on the disk.

    Args:
        program: Its name.
        password: What clients have to say; empty for nothing.
        port: Where it listens.
    """

    def __init__(self, program: str = "redis-server", *, password: str = "", port: int | None = None) -> None:
        self.port: int = free_port() if port is None else port
        self._program = program
        self._password = password

    @property
    def url(self) -> str:
        """The URL of database 0."""
        secret = f":{self._password}@" if self._password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    @contextmanager
    def running(self, *more: str) -> Generator[None]:
        """Run it, empty, while the block lasts; with further options if there are any."""
        password = ["--requirepass", self._password] if self._password else []
        options = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            *password,
            *more,
        ]
        with running(self.port, self._program, *options):
            yield
