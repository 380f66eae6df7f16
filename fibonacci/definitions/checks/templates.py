"""Templates that are probably not meant: braces that make none, and fields that a schema does not have."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.checks.nodes_by_index import NodesByIndex
from fibonacci.definitions.checks.schemas import first_missing
from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.links import templated_values
from fibonacci.definitions.model.spellings import is_open
from fibonacci.definitions.problems import Problem
from fibonacci.definitions.templates import (
    INPUT,
    Reference,
    TemplateError,
    parse,
    placed_expressions,
    single_braced,
    strings,
    unclosed,
)


class _Schemas(NamedTuple):
    """The JSON Schemas of what templates can name: of the inputs, and of nodes by id."""

    inputs: Any
    nodes: Mapping[str, Any]


def template_problems(definition: Mapping[str, Any], nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the templates that are probably not meant."""
    outputs = {
        node["id"]: node.get("output_schema", node.get("schema"))
        for node in nodes.values()
        if node.get("type") == "llm"
    }
    schemas = _Schemas(definition.get("input_schema"), outputs)
    ids = {node["id"] for node in nodes.values()}
    for location, text in _texts(definition, nodes):
        yield from _brace_problems(location, text, ids)
        for offset, expression in placed_expressions(text):
            for found in _field_problems(location, expression, schemas):
                yield replace(found, offset=offset)


def _texts(definition: Mapping[str, Any], nodes: NodesByIndex) -> Iterator[tuple[str, str]]:
    for index, node in nodes.items():
        for key, value in () if is_open(node) else templated_values(node):
            for place, text in strings(value):
                yield f"nodes[{index}].{key}{place}", text
    for place, text in strings(definition.get("outputs")):
        yield f"outputs{place}", text


def _brace_problems(location: str, text: str, ids: Collection[str]) -> Iterator[Problem]:
    if "{" not in text:
        return
    for offset, name in single_braced(text, ids):
        message = f"'{{{name}}}' is plain text; write '{{{{{name}}}}}', in a Python f-string with four braces"
        yield problem(location, "single_braces", message, offset=offset)
    open_braces = unclosed(text)
    if open_braces is not None:
        message = "'{{' starts no template; write '{{name}}' or '{{name.field}}'"
        yield problem(location, "unclosed_template", message, offset=open_braces)


def _field_problems(location: str, expression: str, schemas: _Schemas) -> Iterator[Problem]:
    try:
        reference = parse(expression)
    except TemplateError:
        return  # a fault of its own
    if reference.source == INPUT:
        yield from _missing(location, "unknown_input", "input_schema", reference, schemas.inputs)
    elif reference.is_node:
        schema = schemas.nodes.get(reference.source)
        yield from _missing(location, "unknown_field", f"the output_schema of {reference.source!r}", reference, schema)


def _missing(location: str, code: str, name: str, reference: Reference, schema: Any) -> Iterator[Problem]:
    missing = first_missing(schema, reference.path) if is_object(schema) else None
    if missing is not None:
        part, known = missing
        yield problem(location, code, f"{{{{{reference.text}}}}}: {name} has no {part!r}{did_you_mean(part, known)}")
