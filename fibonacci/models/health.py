"""The health of the platform."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fibonacci.models._base import Model
from fibonacci.models.response import ResponseInfo

_HEALTHY = frozenset({"healthy", "ok"})


class Health(Model):
    """The platform's own word on its health.

    Attributes:
        status: Its state, such as `"healthy"`.
    """

    shown: ClassVar[tuple[str, ...]] = ("status", "healthy")

    status: str | None = None

    @property
    def healthy(self) -> bool:
        """Whether the platform says that it is healthy; False for an answer with an error status."""
        info: ResponseInfo | None = self.__dict__.get("_response")
        return self.status in _HEALTHY and (info is None or info.status_code < 400)


class SecretsHealth(Health):
    """The health of the platform's store of secrets.

    Attributes:
        backend: The store, such as `"aws_secrets_manager"`.
        raw_checks: The checks as the platform sent them.
    """

    shown: ClassVar[tuple[str, ...]] = ("status", "backend", "checks")

    backend: str | None = None
    raw_checks: dict[str, str | None] | None = Field(default=None, alias="checks")

    @property
    def checks(self) -> dict[str, str | None]:
        """Each check, such as `list_secrets`, and its result, such as `"ok"`."""
        return self.raw_checks or {}
