"""What tests of batches share: journals of each kind, workflows, the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.batch.command import Command
from tests.batch.journals import REDIS_PASSWORD, JournalPlace, Servers
from tests.batch.workflows import GREETER, RESTER, client_in_process
from tests.kit.mode import Mode
from tests.kit.redis import REDIS_SERVERS, RedisServer


@pytest.fixture(autouse=True)
def own_marks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the marks of journals from those of other tests, whose servers may have had the same port."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def client(emulator: Emulator) -> Fibonacci:
    """Return a sync client in process; where a socket is the point, a test makes its own."""
    return emulator.client()


@pytest.fixture
def any_client(mode: Mode, emulator: Emulator) -> Any:
    """Return such a client in the test's mode."""
    return client_in_process(mode, emulator)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Return a server for journals that no test disturbs."""
    server = RedisServer(password=REDIS_PASSWORD)
    with server.running():
        yield server


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    """Return a place for a new journal: a file, or what the test's parameter names."""
    if getattr(request, "param", "file") == "file":
        return JournalPlace(tmp_path)
    return JournalPlace(tmp_path, request.getfixturevalue("redis_server"))


@pytest.fixture
def redis_place(redis_server: RedisServer, tmp_path: Path) -> JournalPlace:
    """Return a place for a new journal in Redis."""
    return JournalPlace(tmp_path, redis_server)


@pytest.fixture
def looking(redis_server: RedisServer) -> Iterator[Any]:
    """Return a client of the server of `redis_place`."""
    with closing(redis_server.client()) as client:
        yield client


@pytest.fixture(params=REDIS_SERVERS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    """Return a server of either kind that syncs each write."""
    with closing(Servers(RedisServer(request.param, password=REDIS_PASSWORD, folder=tmp_path))) as servers:
        yield servers


@pytest.fixture
def forgetful() -> Iterator[Servers]:
    """Return a server that keeps nothing."""
    with closing(Servers(RedisServer(password=REDIS_PASSWORD))) as servers:
        yield servers


@pytest.fixture
def greeter(client: Fibonacci) -> str:
    return client.workflows.create(name="Greeter", definition=GREETER).id


@pytest.fixture
def rester(client: Fibonacci) -> str:
    return client.workflows.create(name="rester", definition=RESTER).id


@pytest.fixture
def command(emulator: Emulator, tmp_path: Path) -> Command:
    return Command(emulator, tmp_path)
