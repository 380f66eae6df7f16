"""Bad requests, made from the document: what an operation has to refuse, and the field at fault.

Each differs in one place from the operation's documented example.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from tests.contract.document import JSON, Operation, example_of, faults, resolve

_VALUES: Final[list[Any]] = [None, True, 0.5, -1, "", "no such value", [], [1], {}, {"name": 1}]
_TEXTS: Final = ["", "x", "yes", "1.0", "0", "201"]
_BOOLEANS: Final = {"true": True, "false": False}


def bad_bodies(operation: Operation) -> Iterator[tuple[Any, str]]:
    """Yield the JSON bodies that do not fit the schema, each with the field that the refusal must name."""
    example, schema = example_body(operation), operation.body_schema
    yield from (([], "body"), (1, "body"))
    if "properties" in schema:
        yield {**example, "no_such_field": 1}, "no_such_field"
    for name in schema.get("required", []):
        yield {field: value for field, value in example.items() if field != name}, name
    for name, field in schema.get("properties", {}).items():
        for value in _VALUES:
            if faults(field, value):
                yield {**example, name: value}, name


def bad_queries(operation: Operation) -> Iterator[tuple[str, str]]:
    """Yield the queries that do not fit the schema, each with the parameter that the refusal must name."""
    for parameter in operation.parameters_in("query"):
        for text in _TEXTS:
            if faults(parameter["schema"], _parsed(text, parameter["schema"])):
                yield f"{parameter['name']}={text}", parameter["name"]


def example_body(operation: Operation) -> Any:
    """Return the documented example of a body; None for an operation without one."""
    return None if operation.body is None else example_of(operation.body)


def _parsed(text: str, schema: JSON) -> object:
    """Parse a text of a query by the type of its parameter; return the text itself if it does not fit."""
    kind = resolve(schema)["type"]
    if kind == "integer" and re.fullmatch("-?[0-9]+", text):
        return int(text)
    return _BOOLEANS.get(text, text) if kind == "boolean" else text
