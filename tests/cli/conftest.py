"""A keychain for the commands that use one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.keychain import FileKeychain, in_keychain


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Use a keychain and a folder of configuration that are empty."""
    monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(tmp_path))
    with in_keychain(monkeypatch, tmp_path, FileKeychain):
        yield
