from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.clock import Standstill


@pytest.fixture(autouse=True)
def clean_tls_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove what the machine's user has set: it must not decide what a test finds."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_retry_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the shortest delay before each retry, which is none; a test that is about delays draws others."""
    monkeypatch.setattr("fibonacci._core.retry.uniform", min)


@pytest.fixture
def standstill() -> Iterator[Standstill]:
    """Return what measures how long the machine kept the test from running."""
    with Standstill() as standstill:
        yield standstill


@pytest.fixture(params=["socket", "httpx"])
def each_transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make clients use each of the transports with a name in turn; return it."""
    monkeypatch.setenv("FIBONACCI_TRANSPORT", request.param)
    return str(request.param)
