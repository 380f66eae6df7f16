"""A folder of configuration and a keychain for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.keychain import FileKeychain, in_keychain


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the path of the file of profiles, which does not exist yet."""
    monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(tmp_path))
    return tmp_path / "config.toml"


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Use a keychain that is empty."""
    with in_keychain(monkeypatch, tmp_path, FileKeychain):
        yield
