"""Faults of shape: wrong types, missing keys, values out of range, and values without a JSON form."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.model.nodes import NODE_MODELS
from fibonacci.definitions.model.workflow import WorkflowDefinition
from fibonacci.definitions.operators import OPERATORS
from fibonacci.definitions.problems import Problem

_EXPECTED: Final[Mapping[str, str]] = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "string_type": "a text",
}


def shape_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the faults that the models find, and the values that JSON does not know."""
    seen: set[str] = set()
    for found in (*_model_problems(definition), *_values_without_json(definition)):
        if found.location not in seen:  # a union reports the same place once per member
            seen.add(found.location)
            yield found


def _model_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        WorkflowDefinition.model_validate(dict(definition))
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            yield _problem(fault, list(fault["loc"]))


def _problem(fault: ErrorDetails, location: list[int | str]) -> Problem:
    kind, value = fault["type"], fault["input"]
    if location[:1] == ["nodes"] and len(location) > 2:
        del location[2]  # pydantic adds the node's type, which is no place in the definition
    if location[:1] == ["version"]:
        return problem("version", "wrong_type", f"should be a text or a number, not {_kind_of(value)}")
    if kind == "union_tag_not_found":
        return problem(_place([*location, "type"]), "missing_field", f"'type' is missing; use {', '.join(NODE_MODELS)}")
    if kind == "missing":
        return problem(_place(location), "missing_field", f"{location[-1]!r} is missing")
    place = _place(location)
    if kind == "conflicting_spellings":
        return problem(place, kind, fault["msg"])
    if kind == "string_pattern_mismatch":  # the only pattern among the models
        return problem(place, "bad_id", f"{value!r} is not an id; use lower-case letters, digits, '_' and '-'")
    if kind == "literal_error" and location[-1] == "operator":
        near = did_you_mean(value, OPERATORS) if isinstance(value, str) else ""
        return problem(place, "bad_operator", f"{value!r} is not an operator; use {', '.join(OPERATORS)}{near}")
    if kind in _EXPECTED:
        return problem(place, "wrong_type", f"should be {_EXPECTED[kind]}, not {_kind_of(value)}")
    code = "wrong_type" if kind.endswith("_type") else "invalid_value"
    return problem(place, code, fault["msg"].replace("Input should", "should").replace("String should", "should"))


def node_type_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the types of nodes that are not known: one that resembles a known type is misspelled, others may be new."""
    nodes = definition.get("nodes")
    for index, node in enumerate(nodes if is_array(nodes) else ()):
        node_type = node.get("type") if is_object(node) else None
        if not isinstance(node_type, str) or not node_type or node_type in NODE_MODELS:
            continue
        place = f"nodes[{index}].type"
        near = did_you_mean(node_type.lower(), NODE_MODELS)
        if near:
            yield problem(place, "misspelled_node_type", f"{node_type!r} is not a type of node{near}")
        else:
            known = ", ".join(NODE_MODELS)
            message = (
                f"{node_type!r} is not a type of node that this version knows ({known}); the node is kept as it is"
            )
            yield problem(place, "unknown_node_type", message)


def _place(location: Sequence[int | str]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def _kind_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not value.is_integer():
        return f"the number {value}"
    names = ((int | float, "a number"), (str, "a text"), (list, "a list"), (dict, "an object"))
    return next((name for kind, name in names if isinstance(value, kind)), f"a {type(value).__name__}")


def _values_without_json(definition: Mapping[str, Any]) -> Iterator[Problem]:
    pending: list[tuple[str, Any]] = [("", definition)]  # a stack: it may be deeper than recursion allows
    while pending:
        place, item = pending.pop()
        if is_object(item):
            pending.extend(reversed([(f"{place}.{key}", entry) for key, entry in item.items()]))
        elif is_array(item):
            pending.extend(reversed([(f"{place}[{index}]", entry) for index, entry in enumerate(item)]))
        elif isinstance(item, float) and not math.isfinite(item):
            yield problem(
                place.removeprefix("."), "not_json", f"is {item}, which JSON does not know; use null or a number"
            )
        elif not isinstance(item, str | int | float | None):
            kind = type(item).__name__
            message = f"is a {kind}, which has no JSON form; use a text, a number, a list or an object"
            yield problem(place.removeprefix("."), "not_json", message)
