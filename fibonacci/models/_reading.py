"""Responses that aren't as documented: the SDK reads what it can, and `model_extra` keeps what was received.

Nearly all objects are as documented, and are read without this module. Only an ID is indispensable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from fibonacci._texts.logging import client_logger, log
from fibonacci._texts.text import parse_time

ModelT = TypeVar("ModelT", bound=BaseModel)

_WARNING = 30

_reported: set[str] = set()


def read_model(model: type[ModelT], document: object) -> ModelT:
    """Return an object of the platform, as far as it can be read.

    What fits a field by Pydantic's lax rules is converted, and a number in place of text becomes its text. What doesn't
    fit is left out, so that the field has its default. `model_extra` then has what was received.

    Args:
        model: The class of the object.
        document: The object as decoded JSON.

    Raises:
        ValidationError: If it isn't an object, or has no ID.
    """
    try:
        return model.model_validate(document)
    except ValidationError:
        if not isinstance(document, dict):
            raise
    received = cast("dict[str, Any]", document)
    types = _types(model)
    required = {field.alias or name for name, field in model.model_fields.items() if field.is_required()}
    wrong = {name: value for name, value in received.items() if name in types and not _fits(types[name], value)}
    changed = dict(received)
    for name, value in wrong.items():
        fitted = _fitted(types[name], value)
        if fitted is not None:
            changed[name] = fitted
        elif name not in required:
            del changed[name]
    made = model.model_validate(changed)
    extra = made.__pydantic_extra__
    assert extra is not None  # all models allow further fields
    extra.update(wrong)
    for name, value in wrong.items():
        _report_field(model, name, value, is_lost=name not in changed)
    return made


def read_models(model: type[ModelT], documents: Iterable[object]) -> list[ModelT]:
    """Return the objects of a list, as far as they can be read, and leave out what isn't an object or has no ID."""
    models: list[ModelT] = []
    is_any_lost = False
    for document in documents:
        try:
            models.append(read_model(model, document))
        except ValidationError:
            is_any_lost = True
    if models and is_any_lost:
        _report(model, "", "the platform sent a list with an item that has no id. The item is left out")
    return models


def read_field(model: type[BaseModel], name: str, value: object, annotation: Any) -> Any:
    """Return a field from `model_extra` as a type: as it is if it fits, else as far as it can be read, else None.

    In a list or an object, elements that don't fit become None, or are left out if None doesn't fit either.

    Args:
        model: The class of the object.
        name: The name of the field.
        value: The field as received, not None.
        annotation: The type.
    """
    if annotation is datetime and (time := parse_time(value)) is not None:
        return time
    if _fits(annotation, value):
        return value
    fitted = _fitted(annotation, value)
    _report_field(model, name, value, is_lost=fitted is None)
    return fitted


@cache
def _types(model: type[BaseModel]) -> dict[str, Any]:
    """Return the type of each field that Pydantic reads, by its name in a response."""
    types = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    others: Mapping[str, str] = getattr(model, "_other_names", {})  # of `Model`, whose file reads fields with this one
    return {**types, **{other: types[name] for other, name in others.items()}}


@cache
def _adapter(annotation: Any, *, strict: bool) -> TypeAdapter[Any]:
    return TypeAdapter(
        annotation, config=ConfigDict(strict=strict, coerce_numbers_to_str=not strict, allow_inf_nan=strict)
    )


def _read_as(annotation: Any, value: object, *, strict: bool) -> Any:
    """Return a value as a type, or None if it doesn't fit."""
    try:
        return _adapter(annotation, strict=strict).validate_python(value)
    except (ValidationError, PydanticUserError):  # the latter for a model in a user's class, which has its own rules
        return None


def _fits(annotation: Any, value: object) -> bool:
    """Whether a value is of a type.

    Elements are checked one by one, because a list of all faults would take a hundred times their size.
    """
    if value is None:
        return annotation is Any or NoneType in get_args(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(arguments[1], item) for item in _values(cast("object", value)))
    if origin is list:
        return isinstance(value, list) and all(_fits(arguments[0], item) for item in cast("list[object]", value))
    return annotation is Any or _read_as(annotation, value, strict=True) is not None


def _fitted(annotation: Any, value: object) -> Any:
    """Return what can be read of a value as a type, or None if nothing can."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        if not isinstance(value, dict):
            return None
        members = cast("dict[str, object]", value)
        read = {name: _element(arguments[1], item) for name, item in members.items()}
        return {name: item for name, item in read.items() if _fits(arguments[1], item)}
    if origin is list:
        if not isinstance(value, list):
            return None
        items = [_element(arguments[0], item) for item in cast("list[object]", value)]
        return [item for item in items if _fits(arguments[0], item)]
    return _read_as(annotation, value, strict=False)


def _element(annotation: Any, value: object) -> Any:
    return value if _fits(annotation, value) else _fitted(annotation, value)


def _values(value: object) -> Iterable[object]:
    return cast("Mapping[str, object]", value).values()


def _report_field(model: type[BaseModel], name: str, value: object, *, is_lost: bool) -> None:
    if value is not None:  # null is as good as nothing everywhere
        how = "it is left out" if is_lost else "it is converted"
        kind = type(value).__name__
        _report(model, name, f"the platform sent {kind}, which does not fit: {how}. model_extra has what was sent")


def _report(model: type[BaseModel], name: str, text: str) -> None:
    """Log, once for each field, that what the platform sent isn't as documented."""
    place = f"{model.__name__}.{name}".rstrip(".")
    if place not in _reported and (logger := client_logger(_WARNING)):
        _reported.add(place)
        log(logger, _WARNING, "%s: %s", place, text)
