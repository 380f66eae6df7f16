"""Models as plain dictionaries: the names and values that a user reads, not those of the response."""

from __future__ import annotations

from functools import cache
from typing import Any, cast, get_type_hints

from pydantic import BaseModel

_RAW = "raw_"
# An execution's `execution_id` is the same as its `id`.
_REDUNDANT = "raw_execution_id"


def plain_dict(model: BaseModel) -> dict[str, Any]:
    """Return the fields of a model by their plain names, the unknown ones last; models in them are dictionaries too."""
    values = {name: getattr(model, name) for name in plain_names(type(model))}
    return {name: _plain(value) for name, value in {**values, **(model.model_extra or {})}.items()}


@cache
def plain_names(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the plain names of a model's documented fields: its own first, the times that all have last."""
    names = [name for name in model.model_fields if name != _REDUNDANT]
    names.sort(key=lambda name: name in ("raw_created_at", "raw_updated_at"))
    return tuple(_plain_name(model, name) for name in names)


@cache
def plain_types(model: type[BaseModel]) -> dict[str, Any]:
    """Return the type of each documented field by its plain name."""
    types: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        plain_name = _plain_name(model, name)
        reader: object = getattr(model, plain_name, None)
        types[plain_name] = _returned(reader) if isinstance(reader, property) else field.annotation
    return {name: types[name] for name in plain_names(model)}


def _plain_name(model: type[BaseModel], name: str) -> str:
    return (model.model_fields[name].alias or name) if name.startswith(_RAW) else name


def _returned(reader: property) -> Any:
    """Return the type of a property, Any where its annotation names what is imported for type checkers only."""
    try:
        return get_type_hints(reader.fget)["return"]
    except NameError:
        return Any


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return plain_dict(value)
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [_plain(item) for item in items] if items and isinstance(items[0], BaseModel) else items
    return value
