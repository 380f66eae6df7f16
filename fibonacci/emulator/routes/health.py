"""Health of the emulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fibonacci.emulator.context import Endpoint, RequestContext
from fibonacci.emulator.http.messages import Reply, bare

API_VERSION: Final = "1"


def health(_: RequestContext) -> Reply:
    """GET /health."""
    return Reply({"status": "healthy", "version": API_VERSION})


def secrets_health(_: RequestContext) -> Reply:
    """GET /health/secrets."""
    checks = {"list_secrets": "ok", "get_secret": "ok"}
    return bare({"status": "healthy", "backend": "emulator", "checks": checks})


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint("GET", "/health", health),
    Endpoint("GET", "/health/secrets", secrets_health),
)
