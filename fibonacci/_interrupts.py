"""Ctrl-C, and what else a signal handler raises, in what pydantic calls back."""

from __future__ import annotations

from functools import wraps
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

M = TypeVar("M", bound=BaseModel)


def passing_interrupts(model: type[M]) -> type[M]:
    """Let exceptions pass that a Python serializer raises in `model_dump`, which pydantic would replace."""
    dump = model.model_dump

    @wraps(dump)
    def model_dump(self: M, **options: Any) -> dict[str, Any]:
        try:
            return dump(self, **options)
        except PydanticSerializationError as error:
            cause = error.__cause__
            if cause is None or isinstance(cause, PydanticSerializationError):
                raise
            raise cause from None

    type.__setattr__(model, "model_dump", model_dump)  # which the listing of the public API need not have
    return model
