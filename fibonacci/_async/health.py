"""`client.health`: check whether the platform is up."""

from __future__ import annotations

from fibonacci._async.resource import AsyncResource
from fibonacci._core.request import Request
from fibonacci._core.urls import path
from fibonacci.models.health import Health, SecretsHealth

_UNHEALTHY = frozenset({503})


class AsyncHealthChecks(AsyncResource):
    """Show the health of the platform.

    The SDK never retries these calls. The platform documents the response of `secrets`. It doesn't document a 503 with
    a JSON body. The SDK treats such a response as a result, not as an error:
    https://docs.fibonacci.today/explanation/contract-choices
    """

    async def check(self) -> Health:
        """Return the platform's health (`GET /health`).

        Returns:
            The health. A 503 with a JSON body is a result too, with `healthy` False.

        Raises:
            APIError: If the response has another error status, can't be read, or doesn't arrive. The SDK doesn't retry.

        Example:
            ```python
            health = await client.health.check()
            assert health.healthy
            ```
        """
        return await self._send(
            Request("GET", path("/health"), returns=Health, success_statuses=_UNHEALTHY, can_retry=False)
        )

    async def secrets(self) -> SecretsHealth:
        """Return the health of the secret store (`GET /health/secrets`).

        Returns:
            The health, with the result of each check. A 503 with a JSON body is a result too, with `healthy` False.

        Raises:
            APIError: If the response has another error status, can't be read, or doesn't arrive. The SDK doesn't retry.

        Example:
            ```python
            health = await client.health.secrets()
            print(health.backend, health.checks)
            ```
        """
        return await self._send(
            Request("GET", path("/health/secrets"), returns=SecretsHealth, success_statuses=_UNHEALTHY, can_retry=False)
        )
