from __future__ import annotations

import os

import pytest

from fibonacci._core.shared_limits import forget_shared_limits
from tests.faults.certificates import Authority

_OF_THE_USER = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def environment_of_the_laboratory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine's user has set must not decide what a test finds."""
    for name in list(os.environ):
        if name.upper() in _OF_THE_USER or name.startswith("FIBONACCI_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    """Keep a reused port from having the rate limit of an earlier test's server."""
    forget_shared_limits()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A private authority that signs the servers' certificates."""
    return Authority.made_in(tmp_path_factory.mktemp("authority"))
