from __future__ import annotations

import os
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.deployment.flows import Flows, client_of
from tests.kit.mode import Mode


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the wait for the disk: it is for a loss of power, which no test has, and two thirds of these tests' time."""

    def fsync(descriptor: int) -> None:
        pass

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.fixture
def emulator() -> Emulator:
    """Return the platform, to which the clients of `client_of` need no socket."""
    return Emulator()


@pytest.fixture
def flows(mode: Mode, emulator: Emulator, tmp_path: Path) -> Flows:
    """Return an empty folder, and a client that repeats nothing, so that one failure is enough."""
    folder = tmp_path / "flows"
    folder.mkdir()
    return Flows(mode, client_of(mode, emulator, max_retries=0), folder)
