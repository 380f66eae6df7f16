"""From the definition of a workflow to the JSON Schema of its tool's arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from fibonacci.cli.mcp_server.schema_filter import filtered
from fibonacci.cli.mcp_server.template_inputs import template_schema
from fibonacci.definitions.json_schema import first_fault, target_of
from fibonacci.definitions.json_types import is_array, is_object

_ROOT: Final = ("description", "properties", "required", "additionalProperties", "$defs", "definitions")
"""Keywords at the root of a tool's schema: models' APIs refuse `anyOf` and the like there."""

_LONGEST: Final = 20_000
_NO_PATTERNS: Final = frozenset({"pattern"})
"""A pattern of the author's may take the server for ever to match; the platform checks it."""


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
    schema = _declared(given) if is_object(given) else template_schema(definition)
    return schema if len(json.dumps(schema)) <= _LONGEST else {"type": "object"}


def input_fault(schema: Mapping[str, Any], inputs: Mapping[str, Any]) -> str | None:
    """Return why inputs do not fit the schema of a tool; None if they fit."""
    return first_fault(filtered(schema, without=_NO_PATTERNS), inputs, "inputs")


def _declared(schema: Mapping[str, Any]) -> dict[str, Any]:
    root = target_of(schema, schema)
    kind = root.get("type", "object") if is_object(root) else None
    if not is_object(root) or "object" not in (kind if is_array(kind) else [kind]):
        return {"type": "object"}
    whole = filtered({**schema, **root})
    return {"type": "object", **{keyword: whole[keyword] for keyword in _ROOT if keyword in whole}}
