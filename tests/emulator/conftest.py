from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.engine import scheduler
from tests.emulator.api import Api
from tests.emulator.page_client import PageClient


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer for quick handlers: on a busy machine they may take more than the default."""
    monkeypatch.setattr(scheduler, "SETTLE_SECONDS", 20.0)


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "calls.json"


@pytest.fixture
def page(emulator: Emulator) -> PageClient:
    """Return what a browser sees of the emulator's page that has signed in."""
    return PageClient(emulator).sign_in()
