"""Redis and Valkey as ordinary child processes, which can be killed and started again at the same port."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tests.kit.certificates import ServerFiles
from tests.kit.programs import free_port, running

REDIS_SERVERS = ("redis-server", "valkey-server")


class RedisServer:
    """A server that keeps nothing on the disk.

    Args:
        program: Its name.
        password: What clients have to say; empty for nothing.
        port: Where it listens.
        tls: Its certificate, for TLS alone; None for no TLS.
    """

    def __init__(
        self,
        program: str = "redis-server",
        *,
        password: str = "",
        port: int | None = None,
        tls: ServerFiles | None = None,
    ) -> None:
        self.port: int = free_port() if port is None else port
        self._program = program
        self._password = password
        self._tls = tls

    @property
    def url(self) -> str:
        """The URL of database 0."""
        secret = f":{self._password}@" if self._password else ""
        return f"{'redis' if self._tls is None else 'rediss'}://{secret}127.0.0.1:{self.port}/0"

    def client(self) -> Any:
        """Return a client that looks into it."""
        import redis  # by the tests that use one alone

        made: Any = redis
        return made.Redis.from_url(self.url)

    @contextmanager
    def running(self, *more: str) -> Generator[subprocess.Popen[bytes]]:
        """Run it while the block lasts; with further options if there are any."""
        options = [*self._listening(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        options += ["--set-proc-title", "no"]  # a title would hide its environment, by which .ci/run finds it
        if self._password:
            options += ["--requirepass", self._password]
        with running(self.port, self._program, *options, *more) as process:
            yield process

    def _listening(self) -> list[str]:
        if self._tls is None:
            return ["--port", str(self.port)]
        files = ["--tls-cert-file", str(self._tls.certificate), "--tls-key-file", str(self._tls.key)]
        ports = ["--port", "0", "--tls-port", str(self.port)]
        return [*ports, *files, "--tls-ca-cert-file", str(self._tls.certificate), "--tls-auth-clients", "no"]
