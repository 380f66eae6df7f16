"""Fixtures of the tests of the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import use
from tests.kit.keychain import FileKeychain, in_keychain


@pytest.fixture(autouse=True)
def no_translations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save argparse the search for translations: it finds none, and searches again for each text of each parser."""
    monkeypatch.setenv("LANGUAGE", "C")


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


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Use a keychain and a folder of configuration that are empty."""
    monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(tmp_path))
    with in_keychain(monkeypatch, tmp_path, FileKeychain):
        yield
