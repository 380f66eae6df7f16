"""A JSON Schema that the author of a workflow wrote, reduced to what a client of the server can be given.

Kept are the keywords of the standard that describe a value. Left out are keywords of others, such as those by which a
client would send an argument in a header, references to other documents, and arguments of wrong types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fibonacci.cli.mcp_server.authored_text import cleaned
from fibonacci.definitions.json_types import is_array, is_object

PROPERTY_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""The names of properties that every model's API accepts; one other name makes it refuse all tools."""

_TYPES: Final = frozenset(("object", "array", "string", "boolean", "null", "number", "integer"))
_SCHEMAS: Final = frozenset(("items", "additionalProperties"))  # not `not`: less in it would admit less
_LISTS_OF_SCHEMAS: Final = frozenset(("allOf", "anyOf", "prefixItems"))
_DEFINITIONS: Final = frozenset(("$defs", "definitions"))
_TEXTS: Final = frozenset(("title", "description"))
_MOST_LEVELS: Final = 24
_LONGEST_TEXT: Final = 300


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_type(value: object) -> bool:
    names = value if is_array(value) else [value]
    return bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)


def _is_local_reference(value: object) -> bool:
    return isinstance(value, str) and (value == "#" or value.startswith(("#/$defs/", "#/definitions/")))


_VALUES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "$ref": _is_local_reference,
    "type": _is_type,
    "enum": is_array,
    "const": lambda _: True,
    "default": lambda _: True,
    "examples": is_array,
    "format": _is_text,
    "pattern": _is_text,
    "uniqueItems": lambda value: isinstance(value, bool),
    "deprecated": lambda value: isinstance(value, bool),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _is_number),
    **dict.fromkeys(("minProperties", "maxProperties"), _is_number),
}


def filtered(schema: Any, *, levels: int = _MOST_LEVELS) -> Any:
    """Return a schema with the keywords that are safe to pass on.

    Args:
        schema: Any JSON.
        levels: How many levels of schemas inside schemas to keep.

    Returns:
        A schema that admits every value that the given one admits.
    """
    if isinstance(schema, bool):
        return schema
    if not is_object(schema) or levels == 0:
        return {}

    def inner(value: Any) -> Any:
        return filtered(value, levels=levels - 1)

    result: dict[str, Any] = {}
    for keyword, value in schema.items():
        if (kept := _kept(keyword, value, inner)) is not None:
            result[keyword] = kept
    if "anyOf" not in result and is_array(choices := schema.get("oneOf")) and choices:
        result["anyOf"] = list(map(inner, choices))  # with less in each, a value may fit more than one
    return _opened(result, schema)


def _kept(keyword: str, value: Any, inner: Callable[[Any], Any]) -> Any:
    """Return what is kept of the argument of a keyword; None for nothing."""
    if keyword in _VALUES:
        return value if _VALUES[keyword](value) else None
    if keyword in _TEXTS and isinstance(value, str):
        return cleaned(value, _LONGEST_TEXT)
    if keyword in _SCHEMAS and (is_object(value) or isinstance(value, bool)):
        return inner(value)
    if keyword in _LISTS_OF_SCHEMAS and is_array(value) and value:
        return [inner(each) for each in value]
    if keyword in _DEFINITIONS and is_object(value):
        return {name: inner(each) for name, each in value.items()}
    if keyword == "properties" and is_object(value):
        return {name: inner(each) for name, each in value.items() if PROPERTY_NAME.fullmatch(name)}
    if keyword == "required" and is_array(value):
        return [name for name in value if isinstance(name, str) and PROPERTY_NAME.fullmatch(name)]
    return None


def _opened(result: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Admit further properties where one of the schema's own was left out for its name."""
    properties = schema.get("properties")
    if is_object(properties) and len(result.get("properties", ())) < len(properties):
        result.pop("additionalProperties", None)
    return result
