"""Health."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, require_among, require_type
from fibonacci.testing.contract.checks.common import require_bare
from fibonacci.testing.contract.server import Server

CHECKS: Final = Checks()


@CHECKS.documented("GET /health", "Health is an object with a status")
def _health(server: Server) -> None:
    require_type(server.client.health.check().status, str, "status")


@CHECKS.choice("GET /health", "A health response has the status 200, or 503 and a JSON body")
def _http_status(server: Server) -> None:
    response = server.raw("GET", "/health")
    require_among(response.status, (200, 503), "the status")
    require_type(response.json, dict, "the body")


@CHECKS.documented("GET /health/secrets", "The health of secrets is a bare object: status, backend, checks")
def _secrets(server: Server) -> None:
    content = require_bare(server.raw("GET", "/health/secrets"), "status", "backend", "checks")
    require_type(content["status"], str, "status")
    require_type(content["backend"], str, "backend")


@CHECKS.documented("GET /health/secrets", "Its checks are list_secrets and get_secret, each with a text")
def _secrets_checks(server: Server) -> None:
    checks = server.client.health.secrets().checks
    require_type(checks.get("list_secrets"), str, "checks.list_secrets")
    require_type(checks.get("get_secret"), str, "checks.get_secret")
