"""From the definition of a workflow to the JSON Schema of its tool's arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fibonacci.cli.mcp_server.schema_filter import PROPERTY_NAME, filtered
from fibonacci.definitions.checks.inputs import input_uses
from fibonacci.definitions.json_schema import target_of
from fibonacci.definitions.json_types import is_array, is_object

_ROOT: Final = ("description", "properties", "required", "additionalProperties", "$defs", "definitions")
"""Keywords at the root of a tool's schema: models' APIs refuse `anyOf` and the like there."""

_LONGEST: Final = 20_000
_MOST_LEVELS: Final = 8
_ANY: Final = {"description": "Any JSON value."}


def input_schema(definition: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the JSON Schema of the inputs of a workflow.

    Args:
        definition: The definition as plain JSON; it need not be valid.

    Returns:
        The schema of an object: the definition's `input_schema`, reduced to what a client can be given; without one,
        the inputs that templates name; an object with any fields where neither says more, or where it is too long.
    """
    if definition is None:
        return {"type": "object"}
    given = definition.get("input_schema")
    schema = _declared(given) if is_object(given) else _used(definition)
    return schema if len(json.dumps(schema)) <= _LONGEST else {"type": "object"}


def _declared(schema: Mapping[str, Any]) -> dict[str, Any]:
    root = target_of(schema, schema)
    kind = root.get("type", "object") if is_object(root) else None
    if not is_object(root) or "object" not in (kind if is_array(kind) else [kind]):
        return {"type": "object"}
    whole = filtered({**schema, **root})
    return {"type": "object", **{keyword: whole[keyword] for keyword in _ROOT if keyword in whole}}


def _used(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of the inputs that templates name; those are required that every run uses."""
    root = _Field()
    for use in input_uses(definition):
        root.add(use.reference.path[:_MOST_LEVELS], is_required=use.is_certain)
    return root.schema() if root.fields else {"type": "object"}


class _Field:
    """A field of the inputs, with the fields inside it that templates name."""

    def __init__(self) -> None:
        self.fields: dict[str, _Field] = {}
        self.is_required = False

    def add(self, path: Sequence[str], *, is_required: bool) -> None:
        """Add the field at a path."""
        if not path or path[0].isdigit() or not PROPERTY_NAME.fullmatch(path[0]):
            return  # an index may be one of a list
        field = self.fields.setdefault(path[0], _Field())
        field.is_required |= is_required
        field.add(path[1:], is_required=is_required)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        if not self.fields:
            return _ANY
        required = [name for name, field in self.fields.items() if field.is_required]
        properties = {name: field.schema() for name, field in self.fields.items()}
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}
