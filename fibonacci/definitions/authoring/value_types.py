"""What is known of a value before the workflow runs: its type in Python, and what its parts are called."""

from __future__ import annotations

import typing
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, NamedTuple, TypeGuard, Union, cast, get_args, get_origin

import typing_extensions
from pydantic import AliasChoices, BaseModel, RootModel
from pydantic.fields import FieldInfo

from fibonacci._suggestions import did_you_mean

_ALIASES = (typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType))
_UNIONS: Final = (Union, UnionType)
_LISTS: Final = (list, tuple, Sequence, MutableSequence)
_OBJECTS: Final = (dict, Mapping, MutableMapping)
_WITHOUT_PARTS: Final = (str, int, float, bool)


class Part(NamedTuple):
    """A field or an item of a value."""

    name: str
    """The name in a template: that on the wire, or the index in a list."""

    type: object
    """The type of the part; Any if it is not known."""


def bare(annotation: object) -> object:
    """Return a type without `Annotated`, without `| None` and without the name of an alias."""
    while True:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if isinstance(annotation, _ALIASES):
            annotation = cast("Any", annotation).__value__
        elif origin is Annotated:
            annotation = arguments[0]
        elif origin in _UNIONS and len(rest := [each for each in arguments if each is not NoneType]) == 1:
            annotation = rest[0]
        else:
            return annotation


def is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    """Whether a type is a model of pydantic's."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def has_attributes(annotation: object) -> bool:
    """Whether the parts of a value are read as attributes; of a value of unknown type they may be."""
    if get_origin(annotation) in _UNIONS:
        return any(map(has_attributes, get_args(annotation)))
    return annotation is Any or annotation is object or is_model(annotation) or is_dataclass(annotation)


def field(annotation: object, name: str, of: str) -> Part:
    """Return what an attribute of a value is.

    Args:
        annotation: The type of the value.
        name: The name of the attribute in Python.
        of: The value's template, for the message.

    Returns:
        The part; its name is the one on the wire.

    Raises:
        AttributeError: If the type has no such field.
    """
    if not is_model(annotation):
        return Part(name, Any)
    found = annotation.model_fields.get(name)
    if found is not None:
        return Part(wire_name(name, found), bare(found.annotation))
    if annotation.model_config.get("extra") == "allow":
        return Part(name, Any)
    raise AttributeError(f"{of} has no field {name!r}{_known(name, annotation.model_fields, annotation)}", name=name)


def item(annotation: object, key: str | int, of: str) -> Part:
    """Return what an item of a value is.

    Args:
        annotation: The type of the value.
        key: The name of a field on the wire, or the index of an item of a list.
        of: The value's template, for the message.

    Returns:
        The part.

    Raises:
        TypeError: If the key is an index and the value no list, or the value a list and the key no index.
        ValueError: If the type has no such field.
    """
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin in _WITHOUT_PARTS:
        raise TypeError(f"{of} is of type {cast('type', origin).__name__}: it has no fields and no items")
    if origin in _LISTS:
        if isinstance(key, str) and not key.isdecimal():
            raise TypeError(f"{of} is a list: give the index of an item, such as [0], not {key!r}")
        return Part(str(key), bare(_item_type(arguments, int(key))))
    if is_model(annotation):
        return _field_on_the_wire(annotation, key, of)
    return Part(str(key), bare(arguments[1]) if origin in _OBJECTS and len(arguments) == 2 else Any)


def wire_name(name: str, field: FieldInfo) -> str:
    """Return the name of a field in JSON, by which its model's JSON Schema has it too."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return next((choice for choice in alias.choices if isinstance(choice, str)), name)
    return alias if isinstance(alias, str) else name


def _item_type(arguments: tuple[Any, ...], index: int) -> object:
    if len(arguments) == 1 or (len(arguments) == 2 and arguments[1] is Ellipsis):
        return arguments[0]
    return arguments[index] if index < len(arguments) else Any


def _field_on_the_wire(model: type[BaseModel], key: str | int, of: str) -> Part:
    if issubclass(model, RootModel):
        return item(bare(model.model_fields["root"].annotation), key, of)
    fields = {wire_name(name, each): each for name, each in model.model_fields.items()}
    if key in fields:
        return Part(str(key), bare(fields[str(key)].annotation))
    if model.model_config.get("extra") == "allow":
        return Part(str(key), Any)
    raise ValueError(f"{of} has no {key!r}{_known(str(key), fields, model)}")


def _known(name: str, known: Mapping[str, object], model: type[BaseModel]) -> str:
    return did_you_mean(name, known) or f"; {model.__name__} has {', '.join(known) or 'no fields'}"
