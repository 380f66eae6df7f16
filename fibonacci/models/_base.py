"""What every answer of the platform has in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from fibonacci.models.response import ResponseInfo

_SHOWN_CHARACTERS = 60


class Model(BaseModel):
    """An answer of the platform: frozen, with typed fields for what is documented, and open for the rest.

    Fields that this version of the SDK does not know are kept: they are attributes too, and `model_dump(mode="json")`
    gives back every field of the answer unchanged, known or not, and none that was not in it.

    Example:
        ```python
        assert workflow.model_dump(mode="json")["id"] == workflow.id
        ```
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="allow",
        frozen=True,
        # Coercion would change what the platform sent ("yes" to True) behind the user's back.
        strict=True,
        serialize_by_alias=True,
        # A model's validator is built when it is first needed, not when its module is imported.
        defer_build=True,
        protected_namespaces=(),
    )

    #: The fields that the repr shows, in this order; the first few received ones when empty.
    shown: ClassVar[tuple[str, ...]] = ()

    @property
    def response(self) -> ResponseInfo:
        """The HTTP side of the answer: status, request id, headers, rate limit, attempts, elapsed time.

        It is not part of dumps, equality or the repr. The items of a list share that of their page.

        Raises:
            AttributeError: If the object was made by hand and came with no answer.
        """
        info = self.__dict__.get("_response")
        if info is None:
            raise AttributeError(f"this {type(self).__name__} was not received in an answer, so it has no response")
        return info  # type: ignore[no-any-return]

    @model_serializer(mode="wrap")
    def _as_received(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = dump(self)
        more = self.model_extra or {}
        for name, field in type(self).model_fields.items():
            # The platform may have a field of its own that is named like an attribute here, such as `raw_outputs`.
            received = vars(self)[name] is not None if name in more else name in self.model_fields_set
            if not received:
                fields.pop(field.alias or name, None)
                if name not in more:
                    fields.pop(name, None)
        return fields

    def __repr__(self) -> str:
        received = [name for name in type(self).model_fields if name in self.model_fields_set]
        names = self.shown or [*received, *(self.model_extra or {})][:6]
        return f"{type(self).__name__}({', '.join(f'{name}={self._short(name)}' for name in names)})"

    __str__ = __repr__

    def _short(self, name: str) -> str:
        text = repr(getattr(self, name, None))
        return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def attach_response(received: Sequence[object], info: ResponseInfo) -> None:
    """Give what was received in one answer its HTTP side, where it is made of models.

    It is written past Pydantic, which leaves names that are no fields out of dumps, equality and reprs; a private
    attribute would cost a Python call for every object of a page.
    """
    if received and isinstance(received[0], Model):
        for model in received:
            model.__dict__["_response"] = info


def parse_time(value: object) -> datetime | None:
    """The moment that an ISO 8601 text names, or None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


class Timestamped(Model):
    """An answer that says when its subject was made and last changed.

    The text that the platform sent is kept in `raw_created_at` and `raw_updated_at`, so that nothing is lost when it
    is not ISO 8601.
    """

    raw_created_at: Any = Field(default=None, alias="created_at")
    raw_updated_at: Any = Field(default=None, alias="updated_at")

    @property
    def created_at(self) -> datetime | None:
        """When it was made; None when the platform did not say, or not in ISO 8601."""
        return parse_time(self.raw_created_at)

    @property
    def updated_at(self) -> datetime | None:
        """When it was last changed; None when the platform did not say, or not in ISO 8601."""
        return parse_time(self.raw_updated_at)
