"""Builds a model from defaults and changes, validated as a response is."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from fibonacci.models import Model, ResponseInfo
from fibonacci.models._base import attach_response
from fibonacci.testing.factories.responses import make_response

ModelT = TypeVar("ModelT", bound=Model)

CREATED: Final = "2026-01-02T03:04:05Z"

_TYPO_SIMILARITY: Final = 0.85


def build(
    model: type[ModelT], defaults: Mapping[str, Any], changes: Mapping[str, Any], response: ResponseInfo | None
) -> ModelT:
    """Build a model as if it had come in a response.

    Args:
        model: The class of the model.
        defaults: The fields of a response.
        changes: Fields that replace the defaults, and further ones.
        response: The HTTP response; that of `make_response()` by default.

    Returns:
        The model.

    Raises:
        TypeError: If a name of the changes resembles that of a field. Unknown fields are allowed, so that a typo would
            go unnoticed.
        pydantic.ValidationError: If a value does not have the type of its field; one that is converted, such as a time,
            may have any.
    """
    _refuse_typos(model, {field.alias or name for name, field in model.model_fields.items()} | set(defaults), changes)
    result = model.model_validate({**deepcopy(dict(defaults)), **changes})  # models share nothing
    attach_response([result], response or make_response())
    return result


def _refuse_typos(model: type[Model], known: set[str], changes: Mapping[str, Any]) -> None:
    for name in changes:
        near = [] if name in known else get_close_matches(name, known, n=1, cutoff=_TYPO_SIMILARITY)
        if near:
            raise TypeError(f"{model.__name__} has no field {name!r}; did you mean {near[0]!r}?")
