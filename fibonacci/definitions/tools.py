"""Tools: which tool a name means, and what is wrong with the parameters that a definition passes to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fibonacci.definitions.json_schema import Fault, first_fault, is_closed
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.patterns import Steps
from fibonacci.definitions.templates import strings

MEMORY_SET: Final = "memory_set"
"""The tool that stores a value in memory, as `PUT /memory/{key}` does."""

_OWNERS: Final[Mapping[object, str]] = {"user": "user_id", "workflow": "workflow_id"}


def canonical_tool(name: str) -> str:
    """Return the canonical name of a tool. The dotted and the underscore spelling mean the same tool."""
    return name.replace(".", "_")


def unused_owners(scope: object, given: Mapping[str, Any]) -> list[str]:
    """Return the given owners that a scope doesn't have. For example, only `user` has a user."""
    used = _OWNERS.get(scope) if isinstance(scope, str) else None
    return [name for name in _OWNERS.values() if name != used and given.get(name) is not None]


_DEFINITIONS: Final = ("$defs", "definitions")


def missing_parameters(schema: Mapping[str, Any], params: Mapping[str, Any]) -> list[str]:
    """Return the missing required parameters. Null counts as missing if it doesn't fit.

    Args:
        schema: The JSON Schema of the tool's parameters. One `required` list of an `anyOf` must be satisfied.
        params: The parameters by name.
    """
    steps = Steps()
    absent = {n for n, value in params.items() if value is None and _fault(schema, n, None, steps) is not None}

    def missing(required: object) -> list[str]:
        names = required if is_array(required) else ()
        return [name for name in names if isinstance(name, str) and (name not in params or name in absent)]

    alternatives = [missing(required) for required in _alternatives(schema)]
    first = alternatives[0] if alternatives and all(alternatives) else []
    return list(dict.fromkeys([*missing(schema.get("required")), *first]))


def named_parameters(schema: Mapping[str, Any]) -> list[str] | None:
    """Return the names of a tool's parameters, or None if its schema doesn't name all of them."""
    properties = schema.get("properties")
    rest = {key: value for key, value in schema.items() if key != "anyOf"} if _alternatives(schema) else schema
    return [*properties] if is_object(properties) and properties and is_closed(rest) else None


def unfit_parameters(schema: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the places of values that don't fit their parameter's schema, such as `headers.x`, and the reasons.

    The values of templates aren't known here. Null is an absent value.
    """
    steps = Steps()
    for name, value in params.items():
        fault = None if value is None else _fault(schema, name, value, steps)
        if fault is not None:
            yield fault.place, fault.message


def _alternatives(schema: Mapping[str, Any]) -> list[Any]:
    """Return the `required` lists of an `anyOf` that consists of nothing else, or none for any other."""
    choices = schema.get("anyOf")
    if not is_array(choices) or not all(is_object(choice) and [*choice] == ["required"] for choice in choices):
        return []
    return [choice["required"] for choice in choices]


def _fault(schema: Mapping[str, Any], name: str, value: Any, steps: Steps) -> Fault | None:
    """Return why a value doesn't fit a parameter's schema, or takes too long to check. None if it may fit."""
    properties = schema.get("properties")
    property_schema = properties.get(name) if is_object(properties) else None
    if not is_object(property_schema):
        return None
    if any("{{" in text for _, text in strings(value)):
        if isinstance(value, str) or "type" not in property_schema:
            return None
        property_schema = {"type": property_schema["type"]}  # a container's type is known, whatever is inside
    whole = {key: schema[key] for key in _DEFINITIONS if key in schema} | {"properties": {name: property_schema}}
    fault = first_fault(whole, {name: value}, steps=steps)
    return fault if fault is not None and (fault.is_certain or fault.is_over_limit) else None
