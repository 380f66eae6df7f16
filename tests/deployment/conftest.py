from __future__ import annotations

import os
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.deployment.flows import Flows
from tests.kit.mode import Mode


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the wait for the disk: it is for a loss of power, which no test has, and two thirds of these tests' time."""

    def fsync(descriptor: int) -> None:
        pass

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.fixture
def flows(mode: Mode, emulator: Emulator, tmp_path: Path) -> Flows:
    """Return an empty folder and a client of the emulator, in each mode."""
    folder = tmp_path / "flows"
    folder.mkdir()
    return Flows(mode, mode.client_of(emulator), folder)
