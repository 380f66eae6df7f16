"""Fixtures of the tests of the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import use


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty folder, which is the current one."""
    made = tmp_path / "work"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, emulator: Emulator, tmp_path: Path) -> Emulator:
    """Return a platform to which the environment leads."""
    use(monkeypatch, emulator, tmp_path / "config")
    return emulator
