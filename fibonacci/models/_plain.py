"""Models as plain dictionaries: the names and values that a user reads, not those of the response."""

from __future__ import annotations

from functools import cache
from typing import Any, cast, get_type_hints

from fibonacci.models._base import Model, converted_names, other_names

_TIMES = ("created_at", "updated_at")


def plain_dict(model: Model) -> dict[str, Any]:
    """Return the fields of a model by their plain names, the unknown ones last; models in them are dictionaries too."""
    names = plain_names(type(model))
    values = {name: getattr(model, name) for name in names}
    known = {*names, *other_names(type(model))}
    more = {name: value for name, value in (model.model_extra or {}).items() if name not in known}
    return {name: _plain(value) for name, value in {**values, **more}.items()}


@cache
def plain_names(model: type[Model]) -> tuple[str, ...]:
    """Return the plain names of a model's documented fields: its own first, the times that all have last."""
    names = [*model.model_fields, *converted_names(model)]
    return tuple(sorted(names, key=lambda name: name in _TIMES))


@cache
def plain_types(model: type[Model]) -> dict[str, Any]:
    """Return the type of each documented field by its plain name."""
    fields = model.model_fields
    return {
        name: fields[name].annotation if name in fields else _returned(getattr(model, name))
        for name in plain_names(model)
    }


def _returned(reader: property) -> Any:
    """Return the type of a property, Any where its annotation names what is imported for type checkers only."""
    try:
        return get_type_hints(reader.fget)["return"]
    except NameError:
        return Any


def _plain(value: object) -> object:
    if isinstance(value, Model):
        return plain_dict(value)
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [_plain(item) for item in items] if items and isinstance(items[0], Model) else items
    return value
