from __future__ import annotations

import pytest

from fibonacci.emulator.engine import scheduler as engine
from tests.emulator.api import Api


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a quick handler may take longer than an answer waits for it."""
    monkeypatch.setattr(engine, "PATIENCE", 20.0)
