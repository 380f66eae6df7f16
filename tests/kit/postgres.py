"""PostgreSQL as an ordinary child process, which can be stopped at once and started again at the same port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.kit.programs import free_port, skip_or_fail

PASSWORD = "a%2Fsecret"
"""The password of the user `tester`, as it is in a URL."""
_STARTED_WITHIN = 30.0


def find_postgres(name: str) -> str:
    """Return the path of a program of the server; without it skip the test, and under CI fail it.

    Debian keeps them out of PATH, in a folder of the version.
    """
    folders = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
    found = shutil.which(name, path=os.pathsep.join(folders)) or shutil.which(name)
    if found is None and shutil.which("apt-get") is None:
        pytest.skip("needs PostgreSQL")
    return found or skip_or_fail("PostgreSQL", "apt-get install postgresql")


class PostgresServer:
    """A server with a database `test`, in a folder that is there as long as the server is used."""

    def __init__(self) -> None:
        self.port: int = free_port()
        self._postgres = find_postgres("postgres")
        # It refuses to run as root, and the folders of tests are for their user alone.
        self._user: dict[str, Any] = {"user": "nobody"} if os.getuid() == 0 else {}
        self._folder = tempfile.mkdtemp(prefix="fibonacci-postgres-")
        password = Path(self._folder, "password")
        password.write_text(PASSWORD.replace("%2F", "/"))
        if self._user:
            shutil.chown(self._folder, "nobody")
            shutil.chown(password, "nobody")
        self._process: subprocess.Popen[bytes] | None = None
        options = ["--username=tester", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync", "--encoding=UTF8"]
        made = [find_postgres("initdb"), f"{self._folder}/data", *options, "--locale=C"]
        subprocess.run(made, check=True, capture_output=True, cwd="/", **self._user)
        self.start()
        self.execute("CREATE DATABASE test", database="postgres")

    def url(self, *, database: str = "test", user: str = "tester", password: str = PASSWORD, **options: str) -> str:
        """Return a URL of a database."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}?{query}"

    def execute(self, statement: str, database: str = "test") -> list[Any]:
        """Carry out a statement as the administrator."""
        import psycopg  # by the tests that use it alone

        with psycopg.connect(self.url(database=database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self, *options: str) -> None:
        """Start it, and wait until it can be used."""
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", *options]
        arguments = [part for setting in settings for part in ("-c", setting)]
        with Path(self._folder, "log").open("ab") as log:
            process = subprocess.Popen[bytes](
                [self._postgres, "-D", f"{self._folder}/data", "-p", str(self.port), *arguments],
                stdout=log,
                stderr=log,
                cwd="/",
                **self._user,
            )
        self._process = process
        import psycopg

        ends = time.monotonic() + _STARTED_WITHIN
        while True:
            try:
                self.execute("SELECT 1", database="postgres")
            except psycopg.OperationalError:
                assert process.poll() is None, Path(self._folder, "log").read_text()
                assert time.monotonic() < ends
                time.sleep(0.02)
            else:
                return

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it, as it is: the next start recovers what was committed."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Stop it, and remove its folder."""
        with suppress(ProcessLookupError):
            self.stop()
        shutil.rmtree(self._folder)


@contextmanager
def postgres_server() -> Generator[PostgresServer]:
    """Run a server while the block lasts."""
    if shutil.which("apt-get") is None:
        pytest.importorskip("psycopg", exc_type=ImportError)
    server = PostgresServer()
    try:
        yield server
    finally:
        server.remove()
