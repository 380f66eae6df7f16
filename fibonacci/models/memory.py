"""Memory: values that workflows and users keep under a key."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from fibonacci.models._base import Timestamped, parse_time

MemoryScope = Literal["workflow", "user", "organization", "global"] | str
"""The scopes that the SDK knows; the platform may have others, which are kept as strings."""


class MemoryEntry(Timestamped):
    """A value kept under a key.

    Attributes:
        key: The key.
        value: The value: any JSON.
        scope: Who shares it.
        user_id: The user that it belongs to, in the scope `user`.
        workflow_id: The workflow that it belongs to, in the scope `workflow`.
        ttl: Seconds that it is kept from its last change; None for ever.
        raw_expires_at: When it ends, as the platform sent it.
    """

    shown: ClassVar[tuple[str, ...]] = ("key", "value", "scope")

    key: str | None = None
    value: Any = None
    scope: MemoryScope | None = None
    user_id: str | None = None
    workflow_id: str | None = None
    ttl: int | float | None = None
    raw_expires_at: Any = Field(default=None, alias="expires_at")

    @property
    def expires_at(self) -> datetime | None:
        """When it ends; None when it does not, or when the platform did not say so in ISO 8601."""
        return parse_time(self.raw_expires_at)
