"""Makes the JSON Schema of a tool's arguments from the workflow's definition, without what authors mustn't control.

The standard keywords that describe a value are kept. Other keywords are left out, such as those that make a client send
an argument in a header. So are references to other documents, and invalid schemas.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from fibonacci.definitions.checks.inputs import input_uses
from fibonacci.definitions.json_schema import BOUNDS, schema_faults, target_of
from fibonacci.definitions.json_types import is_array, is_object

# These are invisible, so they can hide a message, but unlike other such characters they aren't control characters.
_VARIATION_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


def cleaned(text: str, limit: int) -> str:
    """Return a text in one line of visible characters.

    Args:
        text: The text.
        limit: The most characters to return. A longer text ends in an ellipsis.
    """
    visible = "".join(character for character in text if character.isspace() or _is_visible(character))
    line = " ".join(visible.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def quoted(text: str, limit: int) -> str:
    """Return the cleaned text as a JSON string, so that its end is clear whatever it contains."""
    return json.dumps(cleaned(text, limit), ensure_ascii=False)


def _is_visible(character: str) -> bool:
    if any(ord(character) in selectors for selectors in _VARIATION_SELECTORS):
        return False
    return not unicodedata.category(character).startswith("C")  # control, format, private, unassigned


PROPERTY_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""The property names that every model API accepts. A single other name makes it reject all tools."""

_VALUES: Final = frozenset(("type", "const", "default", "enum", "pattern", *BOUNDS))
_TEXTS: Final = frozenset(("title", "description", "format"))
_SCHEMAS: Final = frozenset(
    ("items", "additionalProperties")
)  # not `not`: leaving something out there would admit fewer values
_LISTS_OF_SCHEMAS: Final = frozenset(("allOf", "anyOf", "prefixItems"))
_MOST_LEVELS: Final = 24
_LONGEST_TEXT: Final = 300


def filtered(schema: Any, *, levels: int = _MOST_LEVELS) -> Any:
    """Return a schema with the keywords that are safe to pass on.

    Args:
        schema: A schema without a fault (see `schema_faults`).
        levels: How many levels of schemas inside schemas to keep.

    Returns:
        A schema that admits every value that the given one admits.
    """
    if isinstance(schema, bool):
        return schema
    if levels == 0:
        return {}
    inner = partial(filtered, levels=levels - 1)
    result: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _VALUES or (keyword == "$ref" and value.startswith("#")):
            result[keyword] = value
        elif keyword in _TEXTS and isinstance(value, str):
            result[keyword] = cleaned(value, _LONGEST_TEXT)
        elif keyword in _LISTS_OF_SCHEMAS and value:
            result[keyword] = [*map(inner, value)]
        elif keyword in ("$defs", "definitions"):
            result[keyword] = {name: inner(member) for name, member in value.items()}
        elif keyword == "properties":
            result[keyword] = {name: inner(each) for name, each in value.items() if PROPERTY_NAME.fullmatch(name)}
        elif keyword == "required":
            result[keyword] = [name for name in value if PROPERTY_NAME.fullmatch(name)]
        elif keyword in _SCHEMAS and not is_array(value):
            result[keyword] = inner(value)
    if "anyOf" not in result and (choices := schema.get("oneOf")):
        result["anyOf"] = [*map(inner, choices)]  # with keywords left out, a value may fit more than one
    if len(result.get("properties", ())) < len(schema.get("properties", ())):  # one was left out because of its name
        result.pop("additionalProperties", None)
    return result


_ROOT: Final = ("description", "properties", "required", "additionalProperties", "$defs", "definitions")
"""The keywords allowed at the root of a tool's schema. Model APIs reject `anyOf` and the like there."""

_LONGEST: Final = 20_000
_MOST_NESTED: Final = 8
_TEXT: Final = {"type": "string"}
_ANY: Final = {"description": "Any JSON value."}


def input_schema(definition: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the JSON Schema of the inputs of a workflow.

    Args:
        definition: The definition as plain JSON. It need not be valid.

    Returns:
        The schema of an object: the safe part of the definition's `input_schema`, or without one, the inputs that
        templates name. If neither says anything, or the schema is too long, an object with any fields.
    """
    if definition is None:
        return {"type": "object"}
    given = definition.get("input_schema")
    schema = _declared(given) if is_object(given) else _used(definition)
    return schema if len(json.dumps(schema)) <= _LONGEST else {"type": "object"}


def _declared(schema: Mapping[str, Any]) -> dict[str, Any]:
    if any(fault.code == "bad_schema" for fault in schema_faults(schema)):
        return {"type": "object"}
    root = target_of(schema, schema)
    kind = root.get("type", "object") if is_object(root) else None
    if not is_object(root) or "object" not in (kind if is_array(kind) else [kind]):
        return {"type": "object"}
    whole = filtered({**schema, **root})
    return {"type": "object", **{keyword: whole[keyword] for keyword in _ROOT if keyword in whole}}


def _used(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of the inputs that templates name. Those that every execution uses are required."""
    root, uses = _Field(), input_uses(definition)
    for use in uses:
        is_text = use.is_text and len(use.reference.path) <= _MOST_NESTED
        root.add(use.reference.path[:_MOST_NESTED], is_required=use.is_certain, is_text=is_text)
    if not root.fields:
        return {"type": "object"}
    is_whole = {use.reference.path[0] if use.reference.path else "" for use in uses} == set(root.fields)
    return root.schema() | ({"additionalProperties": False} if is_whole else {})


class _Field:
    """A field of the inputs, with those of its own fields that templates name."""

    def __init__(self) -> None:
        self.fields: dict[str, _Field] = {}
        self.is_required = False
        self.is_text = True

    def add(self, path: Sequence[str], *, is_required: bool, is_text: bool) -> None:
        """Add the field at a path."""
        if not path:
            self.is_text &= is_text
            return
        if path[0].isdigit() or not PROPERTY_NAME.fullmatch(path[0]):
            self.is_text = False
            return  # an index may belong to a list
        field = self.fields.setdefault(path[0], _Field())
        field.is_required |= is_required
        field.add(path[1:], is_required=is_required, is_text=is_text)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        if not self.fields:
            return _TEXT if self.is_text else _ANY
        required = [name for name, field in self.fields.items() if field.is_required]
        properties = {name: field.schema() for name, field in self.fields.items()}
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}
