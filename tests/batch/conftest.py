"""What tests of batches share: journals, workflows, the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.batch.command import Command
from tests.batch.journals import JournalPlace
from tests.batch.workflows import GREETER, RESTER, client_in_process
from tests.kit.mode import Mode


@pytest.fixture
def client(emulator: Emulator) -> Fibonacci:
    """Return a sync client in process; where a socket is the point, a test makes its own."""
    return emulator.client()


@pytest.fixture
def any_client(mode: Mode, emulator: Emulator) -> Any:
    """Return such a client in the test's mode."""
    return client_in_process(mode, emulator)


@pytest.fixture
def place(tmp_path: Path) -> JournalPlace:
    """Return a place for a new journal."""
    return JournalPlace(tmp_path)


@pytest.fixture
def greeter(client: Fibonacci) -> str:
    return client.workflows.create(name="Greeter", definition=GREETER).id


@pytest.fixture
def rester(client: Fibonacci) -> str:
    return client.workflows.create(name="rester", definition=RESTER).id


@pytest.fixture
def command(emulator: Emulator, tmp_path: Path) -> Command:
    return Command(emulator, tmp_path)
