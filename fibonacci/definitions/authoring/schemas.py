"""JSON Schemas of the author's models, as a definition holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from fibonacci.definitions.json_types import is_array, is_object

_PREFIX: Final = "#/$defs/"


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


def _target(schema: Mapping[str, Any]) -> str | None:
    """Return the name of the definition that a schema refers to."""
    reference = schema.get("$ref")
    return reference.removeprefix(_PREFIX) if isinstance(reference, str) else None


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
