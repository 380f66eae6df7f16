"""Memory: values stored under a key."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from fibonacci.models._base import Timestamped

MemoryScope = Literal["workflow", "user", "organization", "global"] | str
"""The scopes that the SDK knows.

If the platform sends another one, you get it as a string.
"""


class MemoryEntry(Timestamped):
    """A value stored under a key.

    The platform documents the scopes and `ttl` for the memory that workflows use. It doesn't document the fields, so
    those of the SDK are an assumption:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        entry = client.memory.set("greeting", "hello", scope="global", ttl=3600)
        print(entry.value, entry.ttl, entry.expires_at)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("key", "value", "scope")
    _id_fields: ClassVar[tuple[str, ...]] = ("scope", "user_id", "workflow_id", "key")
    _converted: ClassVar[tuple[str, ...]] = ("expires_at", *Timestamped._converted)

    key: str | None = None
    """The key, unique within its scope."""

    value: Any = None
    """What was stored: any JSON."""

    scope: MemoryScope | None = None
    """Who shares the value: `workflow`, `user`, `organization` or `global`."""

    user_id: str | None = None
    """The ID of the user that the value belongs to, if the scope is `user`. Otherwise None."""

    workflow_id: str | None = None
    """The ID of the workflow that the value belongs to, if the scope is `workflow`. Otherwise None."""

    ttl: int | float | None = None
    """The time to live in seconds, counted from the last change. None if the value doesn't expire."""

    @property
    def expires_at(self) -> datetime | None:
        """The time of expiry, in the time zone that the platform sends (UTC). None if the platform sends none."""
        return self._read("expires_at", datetime)
