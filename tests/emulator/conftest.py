from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.emulator.engine import hidden_secrets, scheduler
from tests.emulator.api import Api
from tests.emulator.page_client import PageClient


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer for quick handlers: on a busy machine they may take more than the default."""
    monkeypatch.setattr(scheduler, "WAIT_SECONDS", 20.0)


@pytest.fixture(scope="module")
def quick_digits() -> Iterator[None]:
    """Tell secrets apart by digits that take no time: the real ones take some, so that nobody tries many values."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hidden_secrets, "digits_of", digits_at_once)
        yield


def digits_at_once(name: str, value: str) -> str:
    return sha256(f"{name}={value}".encode()).hexdigest()[:8]


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "calls.json"


@pytest.fixture
def client(emulator: Emulator) -> Fibonacci:
    return emulator.client()


@pytest.fixture
def page(emulator: Emulator) -> PageClient:
    """Return what a browser sees of the emulator's page that has signed in."""
    return PageClient(emulator).sign_in()
