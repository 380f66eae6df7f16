"""Health."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, among, has_type
from fibonacci.testing.contract.checks.common import bare
from fibonacci.testing.contract.server import Server

CHECKS: Final = Checks()


@CHECKS.documented("GET /health")
def health(server: Server) -> None:
    """Check that health is an object with a status."""
    has_type(server.client.health.check().status, str, "status")


@CHECKS.choice("GET /health")
def http_status(server: Server) -> None:
    """Check that a response about health has the status 200, or 503 and a JSON body."""
    response = server.raw("GET", "/health")
    among(response.status, (200, 503), "the status")
    has_type(response.json, dict, "the body")


@CHECKS.documented("GET /health/secrets")
def secrets(server: Server) -> None:
    """Check that the health of secrets is a bare object: status, backend, checks."""
    content = bare(server.raw("GET", "/health/secrets"), "status", "backend", "checks")
    has_type(content["status"], str, "status")
    has_type(content["backend"], str, "backend")


@CHECKS.documented("GET /health/secrets")
def secrets_checks(server: Server) -> None:
    """Check that its checks are list_secrets and get_secret, each with a text."""
    checks = server.client.health.secrets().checks
    has_type(checks.get("list_secrets"), str, "checks.list_secrets")
    has_type(checks.get("get_secret"), str, "checks.get_secret")
