from __future__ import annotations

import os

import pytest

_OF_THE_USER = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """What the machine's user has set must not decide what a test finds."""
    for name in os.environ:
        if name.upper() in _OF_THE_USER or name.startswith("FIBONACCI_"):
            monkeypatch.delenv(name)
