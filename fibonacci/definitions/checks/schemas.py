"""Whether a JSON Schema has a field. A schema that leaves it open counts as having it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from fibonacci.definitions.json_types import is_object

_SCALARS: Final = ("boolean", "integer", "null", "number", "string")
_OPEN: Final = ("$ref", "allOf", "anyOf", "dependentSchemas", "if", "oneOf", "patternProperties")
"""Keywords beside `properties` that may allow further fields."""


def first_missing(schema: Mapping[str, Any], path: Sequence[str]) -> tuple[str, Collection[str]] | None:
    """Return the first part of a path that a schema does not have, and the names that it has there.

    Args:
        schema: The JSON Schema of the value that the path starts in.
        path: Names of fields, and indices of lists as digits.

    Returns:
        None when the schema has the whole path, or leaves it open. A schema with `additionalProperties` other than
        false is open; without the keyword it is not, since it then names all fields that its author knows.
    """
    current: Any = schema
    for part in path:
        current = _target(current, schema)
        if not is_object(current):
            return None
        properties = current.get("properties")
        if is_object(properties):
            if part not in properties:
                return None if _is_open(current) else (part, properties)
            current = properties[part]
        elif part.isdigit() and is_object(current.get("items")):
            current = current["items"]
        elif current.get("type") in _SCALARS:
            return part, ()
        else:
            return None
    return None


def _is_open(schema: Mapping[str, Any]) -> bool:
    return schema.get("additionalProperties", False) is not False or any(key in schema for key in _OPEN)


def _target(schema: Any, root: Mapping[str, Any]) -> Any:
    """Follow a reference to the definitions of the same schema, as pydantic makes them."""
    reference = schema.get("$ref") if is_object(schema) else None
    if not isinstance(reference, str) or set(schema) - {"$ref", "description", "title", "default"}:
        return schema
    kind, _, name = reference.removeprefix("#/").partition("/")
    definitions = root.get(kind) if kind in ("$defs", "definitions") else None
    return definitions.get(name) if is_object(definitions) else None
