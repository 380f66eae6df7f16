"""What tests of batches share: journals, workflows, the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.batch.command import Command
from tests.batch.journals import JournalPlace
from tests.batch.workflows import GREETER, RESTER, client_in_process
from tests.kit.mode import Mode
from tests.kit.postgres import PostgresServer, postgres_server


@pytest.fixture
def client(emulator: Emulator) -> Fibonacci:
    """Return a sync client in process; where a socket is the point, a test makes its own."""
    return emulator.client()


@pytest.fixture
def any_client(mode: Mode, emulator: Emulator) -> Any:
    """Return such a client in the test's mode."""
    return client_in_process(mode, emulator)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a server with a database that all journals share; who stops it starts it again."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    """Return a place for a new journal, of each kind."""
    if request.param == "sqlite":
        return JournalPlace(str(tmp_path / "runs.db"))
    server: PostgresServer = request.getfixturevalue("postgres")
    return JournalPlace(server.url(journal=token_hex(4)))


@pytest.fixture
def greeter(client: Fibonacci) -> str:
    return client.workflows.create(name="Greeter", definition=GREETER).id


@pytest.fixture
def rester(client: Fibonacci) -> str:
    return client.workflows.create(name="rester", definition=RESTER).id


@pytest.fixture
def command(emulator: Emulator, tmp_path: Path) -> Command:
    return Command(emulator, tmp_path)
