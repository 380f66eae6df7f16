"""How a factory makes a model: the defaults, with changes, read as an answer of the platform is read."""

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

_A_SLIP: Final = 0.85  # how alike two names are when one is a slip of the other


def build(
    model: type[ModelT], defaults: Mapping[str, Any], changes: Mapping[str, Any], response: ResponseInfo | None
) -> ModelT:
    """Make a model that looks received.

    Args:
        model: Its class.
        defaults: The fields of an answer.
        changes: Fields in their place, and further ones.
        response: The HTTP side of the answer.

    Returns:
        The model.

    Raises:
        TypeError: When a name of the changes is nearly that of a field: fields that the models do not know are
            allowed, so a slip would pass unseen.
        pydantic.ValidationError: When a value is not of the type of its field.
    """
    _refuse_slips(model, {field.alias or name for name, field in model.model_fields.items()} | set(defaults), changes)
    result = model.model_validate({**deepcopy(dict(defaults)), **changes})  # models share nothing
    attach_response([result], response or make_response())
    return result


def _refuse_slips(model: type[Model], known: set[str], changes: Mapping[str, Any]) -> None:
    for name in changes:
        near = [] if name in known else get_close_matches(name, known, n=1, cutoff=_A_SLIP)
        if near:
            raise TypeError(f"{model.__name__} has no field {name!r}; did you mean {near[0]!r}?")
