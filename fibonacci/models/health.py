"""The health of the platform."""

from typing import ClassVar

from fibonacci.models._base import Model
from fibonacci.models.response import ResponseInfo

_HEALTHY = frozenset({"healthy", "ok"})


class Health(Model):
    """The health that the platform reports.

    The object is truthy if the platform is healthy.

    The platform documents the status `healthy` of the secret store. The SDK takes `ok` to mean the same:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        health = client.health.check()
        if not health:
            print("unhealthy:", health.status)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("status", "healthy")

    status: str | None = None
    """The state, such as `"healthy"`."""

    @property
    def healthy(self) -> bool:
        """Whether the platform reports that it is healthy. False for a response with an error status."""
        info: ResponseInfo | None = self.__dict__.get("_response")
        return self.status in _HEALTHY and (info is None or info.status_code < 400)

    def __bool__(self) -> bool:
        return self.healthy


class SecretsHealth(Health):
    """The health of the platform's secret store, whose fields the platform documents.

    Example:
        ```python
        health = client.health.secrets()
        print(health.backend, health.checks["get_secret"])
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("status", "backend", "checks")
    _converted: ClassVar[tuple[str, ...]] = ("checks",)

    backend: str | None = None
    """The kind of secret store, such as `"aws_secrets_manager"`."""

    @property
    def checks(self) -> dict[str, str | None]:
        """The result of each check, such as `"ok"`, by the name of the check, such as `list_secrets`."""
        return self._read("checks", dict[str, str | None]) or {}
