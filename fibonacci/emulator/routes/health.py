"""The emulator's word on its own health."""

from __future__ import annotations

from typing import Final

from fibonacci.emulator.call import Call
from fibonacci.emulator.envelope import Reply, bare

API_VERSION: Final = "1"


def health(_: Call) -> Reply:
    """GET /health."""
    return Reply({"status": "healthy", "version": API_VERSION})


def secrets_health(_: Call) -> Reply:
    """GET /health/secrets."""
    checks = {"list_secrets": "ok", "get_secret": "ok"}
    return bare({"status": "healthy", "backend": "emulator", "checks": checks})


ENDPOINTS = [
    ("GET", "/health", health),
    ("GET", "/health/secrets", secrets_health),
]
