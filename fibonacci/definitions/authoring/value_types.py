"""The author's types: what is known by them of a value before the workflow runs, and their JSON Schemas."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, NamedTuple, TypeGuard, Union, cast, get_args, get_origin

import typing_extensions
from pydantic import AliasChoices, BaseModel, RootModel
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.json_types import is_array, is_object

_ALIASES = (typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType))
_UNIONS: Final = (Union, UnionType)
_LISTS: Final = (list, tuple, Sequence, MutableSequence)
_OBJECTS: Final = (dict, Mapping, MutableMapping)
_WITHOUT_PARTS: Final = (str, int, float, bool)
_DEFINITIONS: Final = "#/$defs/"


class Part(NamedTuple):
    """A field or an item of a value."""

    name: str
    """The name in a template: that on the wire, or the index in a list; empty if the value is its own part."""

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


def field_names(annotation: object) -> list[str]:
    """Return the names of the fields of a value; none if its type has none, or they are not known."""
    return list(annotation.model_fields) if is_model(annotation) else []


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
        if not _may_have_attributes(annotation):
            known = f"{of} is of type {_type_name(annotation)}, and its value is known only when the workflow runs"
            raise AttributeError(
                f"{known}: {name!r} cannot be asked for here; ask in the instruction of a node, or use flow.when(...)",
                name=name,
            )
        return Part(name, Any)
    found = annotation.model_fields.get(name)
    if name == "root" and issubclass(annotation, RootModel):
        return Part("", bare(annotation.model_fields["root"].annotation))
    if found is not None:
        return Part(_wire_name(name, found), bare(found.annotation))
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
        raise TypeError(f"{of} is of type {_type_name(origin)}: it has no fields and no items")
    if origin in _LISTS:
        if isinstance(key, str) and not key.isdecimal():
            raise TypeError(f"{of} is a list: give the index of an item, such as [0], not {key!r}")
        return Part(str(key), bare(_item_type(arguments, int(key))))
    if is_model(annotation):
        return _field_on_the_wire(annotation, key, of)
    return Part(str(key), bare(arguments[1]) if origin in _OBJECTS and len(arguments) == 2 else Any)


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a model, its fields named as in JSON.

    The schema of a model inside a model stands where it is used: not everything that reads schemas follows `$ref`. One
    that holds itself cannot be written so, and stays under `$defs`.

    Args:
        model: The model.

    Returns:
        The schema as plain JSON.

    Raises:
        ValueError: If the model has no JSON Schema.
    """
    try:
        schema = model.model_json_schema()
    except PydanticUserError as error:
        raise ValueError(f"{model.__name__} has no JSON Schema: {error.message}") from error
    definitions: dict[str, Any] = schema.pop("$defs", {})
    recursive = {name for name, each in definitions.items() if name in _reached(each, definitions, set())}
    inlined = {name: each for name, each in definitions.items() if name not in recursive}
    result: dict[str, Any] = _inline(schema, inlined)
    if recursive:
        result["$defs"] = {name: _inline(definitions[name], inlined) for name in definitions if name in recursive}
    return result


def _wire_name(name: str, field: FieldInfo) -> str:
    """Return the name of a field in JSON, by which its model's JSON Schema has it too."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return next((choice for choice in alias.choices if isinstance(choice, str)), name)
    return alias if isinstance(alias, str) else name


def _may_have_attributes(annotation: object) -> bool:
    """Tell whether the parts of a value may be read as attributes; of a value of unknown type they may be."""
    if get_origin(annotation) in _UNIONS:
        return any(map(_may_have_attributes, get_args(annotation)))
    return annotation is Any or annotation is object or is_model(annotation) or is_dataclass(annotation)


def _type_name(annotation: object) -> str:
    return str(getattr(annotation, "__name__", annotation))


def _item_type(arguments: tuple[Any, ...], index: int) -> object:
    if len(arguments) == 1 or (len(arguments) == 2 and arguments[1] is Ellipsis):
        return arguments[0]
    return arguments[index] if index < len(arguments) else Any


def _field_on_the_wire(model: type[BaseModel], key: str | int, of: str) -> Part:
    if issubclass(model, RootModel):
        return item(bare(model.model_fields["root"].annotation), key, of)
    fields = {_wire_name(name, each): each for name, each in model.model_fields.items()}
    if key in fields:
        return Part(str(key), bare(fields[str(key)].annotation))
    if model.model_config.get("extra") == "allow":
        return Part(str(key), Any)
    raise ValueError(f"{of} has no {key!r}{_known(str(key), fields, model)}")


def _known(name: str, known: Mapping[str, object], model: type[BaseModel]) -> str:
    return did_you_mean(name, known) or f"; {model.__name__} has {', '.join(known) or 'no fields'}"


def _target(schema: Mapping[str, Any]) -> str | None:
    """Return the name of the definition that a schema refers to."""
    reference = schema.get("$ref")
    return reference.removeprefix(_DEFINITIONS) if isinstance(reference, str) else None


def _inline(value: Any, definitions: Mapping[str, Any]) -> Any:
    if is_array(value):
        return [_inline(each, definitions) for each in value]
    if not is_object(value):
        return value
    target = _target(value)
    if target is not None and target in definitions:
        beside = {key: each for key, each in value.items() if key != "$ref"}
        return _inline({**definitions[target], **beside}, definitions)
    # A discriminator's mapping refers to definitions that are gone; it only repeats them.
    return {key: _inline(each, definitions) for key, each in value.items() if not _is_discriminator(key, each)}


def _is_discriminator(key: str, value: object) -> bool:
    return key == "discriminator" and is_object(value) and "propertyName" in value


def _reached(value: Any, definitions: Mapping[str, Any], found: set[str]) -> set[str]:
    """Return the names of all definitions that a schema refers to, directly or through others."""
    for target in _targets(value):
        if target in definitions and target not in found:
            found.add(target)
            _reached(definitions[target], definitions, found)
    return found


def _targets(value: Any) -> Iterator[str]:
    if is_object(value):
        if target := _target(value):
            yield target
        for each in value.values():
            yield from _targets(each)
    elif is_array(value):
        for each in value:
            yield from _targets(each)
