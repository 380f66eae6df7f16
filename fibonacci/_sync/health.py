# Derived from fibonacci/_async/health.py by tests/tools/mirror.py; change that file, not this one.
"""`client.health`: the health of the platform."""

from __future__ import annotations

from fibonacci._core.request import Request
from fibonacci._core.urls import path
from fibonacci._sync.resource import Resource
from fibonacci.models.health import Health, SecretsHealth

_UNHEALTHY = frozenset({503})


class HealthChecks(Resource):
    """Show the health of the platform.

    These calls are never retried. The platform documents the response of `secrets`. That a 503 with a JSON body is no
    error is a choice of the SDK: https://docs.fibonacci.today/explanation/contract-choices
    """

    def check(self) -> Health:
        """Return the platform's health (`GET /health`).

        Returns:
            The health. A 503 with a JSON body counts as success, and `healthy` is False then.

        Raises:
            APIError: If no such response is received. The call is never retried.

        Example:
            ```python
            health = client.health.check()
            assert health.healthy
            ```
        """
        return self._send(Request("GET", path("/health"), returns=Health, success_statuses=_UNHEALTHY, can_retry=False))

    def secrets(self) -> SecretsHealth:
        """Return the health of the store of secrets (`GET /health/secrets`).

        Returns:
            The health, with the result of each check. A 503 with a JSON body counts as success, and `healthy` is False
            then.

        Raises:
            APIError: If no such response is received. The call is never retried.

        Example:
            ```python
            health = client.health.secrets()
            print(health.backend, health.checks)
            ```
        """
        return self._send(
            Request("GET", path("/health/secrets"), returns=SecretsHealth, success_statuses=_UNHEALTHY, can_retry=False)
        )
