"""The types of template expressions, before a workflow runs.

They come from JSON Schemas, and from the documented outputs of critics and conditionals. Anything else has an unknown
type, which never causes a problem: it has every field, and may equal anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel

from fibonacci.definitions.json_schema import is_annotation, is_closed, referenced
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.node_kinds import known_type
from fibonacci.definitions.nodes import DEFAULT_CRITERIA, ConditionalOutput, CriticOutput
from fibonacci.definitions.templates import (
    INPUT,
    Reference,
    TemplateError,
    as_text,
    expressions,
    parse,
    strings,
    whole_expression,
)

Kind = Literal["text", "number", "boolean", "null", "list", "object"]
"""The kinds of JSON values. An integer is a number."""

_KINDS: Final[Mapping[str, Kind]] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "array": "list",
    "object": "object",
}
_IN_WORDS: Final[Mapping[Kind, str]] = {
    "text": "text",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "list": "a list",
    "object": "an object",
}
_INDEX: Final = re.compile(r"[0-9]{1,9}")
_MOST_SHOWN: Final = 20


_DEEPEST: Final = 50
_MOST_VALUES: Final = 300  # each comparison tries all of them
_MOST_FORMS: Final = 100  # they double with each reference that names the next one twice


class _Document(NamedTuple):
    """A whole JSON Schema, which `$ref` refers to."""

    schema: Any
    required_unless_said: bool
    """Whether all fields of an object without `required` count as required."""

    types: dict[str, ValueType]
    """The types of references read so far. A reference that is being read is unknown, because it is circular."""


@dataclass(frozen=True, slots=True)
class Form:
    """One of the forms that a value may have: a kind of JSON, and what is known about it."""

    kind: Kind
    values: tuple[Any, ...] | None = None
    """All values that it may have, or None if they are unknown or too many."""

    schema: Mapping[str, Any] | None = None
    """Its JSON Schema. A value with None has unknown parts."""

    document: _Document | None = None
    """The whole schema that contains it."""

    def part(self, name: str) -> TypedPart | None:
        """Return a field or an item, or None if no such value has it."""
        if self.kind not in ("list", "object"):
            return None
        if self.kind == "list" and not _INDEX.fullmatch(name):
            return None
        if self.schema is None or self.document is None:
            return _UNKNOWN_PART
        if self.kind == "list":
            return _item(int(name), self.schema, self.document)
        return _field(name, self.schema, self.document)

    def fields(self) -> Iterable[str]:
        """Return the known names of its fields."""
        properties = None if self.schema is None else self.schema.get("properties")
        return properties if self.kind == "object" and is_object(properties) else ()


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of an expression: the forms that its value may have."""

    forms: tuple[Form, ...]
    """The forms. Empty if nothing is known."""

    @property
    def is_known(self) -> bool:
        """Whether anything is known."""
        return bool(self.forms)

    @property
    def values(self) -> tuple[Any, ...] | None:
        """All values that it may have, or None if they are unknown or too many."""
        values: list[Any] = []
        for form in self.forms:
            if form.values is None:
                return None
            values += form.values
        return tuple(values) if self.forms else None

    def part(self, name: str) -> TypedPart | None:
        """Return a field or an item, or None if no value of the type has it. It is optional if no form requires it."""
        if not self.forms:
            return _UNKNOWN_PART
        parts = [part for form in self.forms if (part := form.part(name)) is not None]
        if not parts:
            return None
        return TypedPart(_union(part.type for part in parts), all(part.is_optional for part in parts))

    def fields(self) -> list[str]:
        """Return the known names of the fields of its objects."""
        return list(dict.fromkeys(name for form in self.forms for name in form.fields()))

    @property
    def in_words(self) -> str:
        """The kinds of its values, such as `a number or null`."""
        return " or ".join(dict.fromkeys(_IN_WORDS[form.kind] for form in self.forms)) or "not known"

    def __str__(self) -> str:
        """Describe its values, as in `one of 'low', 'high'`, or else their kinds."""
        if self.values is None or {form.kind for form in self.forms} == {"boolean"}:
            return self.in_words
        shown = listed(repr(value) if isinstance(value, str) else as_text(value) for value in self.values)
        return shown if len(self.values) == 1 else f"one of {shown}"


class TypedPart(NamedTuple):
    """A field or an item of a value."""

    type: ValueType
    is_optional: bool
    """Whether a valid value may lack it. Items aren't optional, because their number is unknown."""


UNKNOWN: Final = ValueType(())
TEXT: Final = ValueType((Form("text"),))
_UNKNOWN_PART: Final = TypedPart(UNKNOWN, is_optional=False)


class TypedExpression(NamedTuple):
    """What is known about an expression."""

    type: ValueType
    """The type of its value. Unknown if a part is missing."""

    missing: int | None = None
    """The position in the path of a part that no value has, or None if every part may exist."""

    owner: ValueType = UNKNOWN
    """The type that the missing part would belong to."""

    optional: tuple[int, ...] = ()
    """The positions of the parts that a valid value may lack."""


class TemplateTypes:
    """The types of the expressions in a definition, which may have problems.

    Args:
        definition: The definition.
        nodes: Its nodes that have an ID.
    """

    def __init__(self, definition: Mapping[str, Any], nodes: Iterable[Mapping[str, Any]]) -> None:
        inputs = definition.get("input_schema")
        self._inputs: Final = (
            UNKNOWN if inputs is None else _read(inputs, _Document(inputs, required_unless_said=False, types={}))
        )
        self._nodes: Final = {node["id"]: node for node in nodes}
        self._outputs: Final[dict[str, ValueType]] = {}
        self._readings: Final[dict[str, TypedExpression]] = {}  # a cache, because many places use the same expressions

    def read(self, reference: Reference) -> TypedExpression:
        """Return what is known about an expression."""
        reading = self._readings.get(reference.text)
        if reading is None:
            reading = self._readings[reference.text] = self._follow(reference)
        return reading

    def _follow(self, reference: Reference) -> TypedExpression:
        if reference.is_node:
            current = self._output(reference.source)
        else:
            current = self._inputs if reference.source == INPUT else UNKNOWN
        optional: list[int] = []
        for position, name in enumerate(reference.path):
            if not current.forms:
                break
            part = current.part(name)
            if part is None:
                return TypedExpression(UNKNOWN, position, current)
            if part.is_optional:
                optional.append(position)
            current = part.type
        return TypedExpression(current, optional=tuple(optional))

    def of_value(self, value: Any) -> ValueType:
        """Return the type of any JSON value once its templates are rendered."""
        if not isinstance(value, str):
            has_template = any(expressions(text) for _, text in strings(value))
            return ValueType((Form(kind_of(value)),)) if has_template else _enumeration([value])
        expression = whole_expression(value)
        if expression is None:
            return TEXT if expressions(value) else _enumeration([value])
        try:
            return self.read(parse(expression)).type
        except TemplateError:
            return UNKNOWN

    def _output(self, node_id: str) -> ValueType:
        """Return the type of the output of a node or its fallback. For anything but a node, it is unknown."""
        if node_id not in self._outputs:
            chain: dict[str, ValueType] = {}
            current: object = node_id
            while isinstance(current, str) and current not in chain:
                node = self._nodes.get(current)
                chain[current] = UNKNOWN if node is None else _given_by(node)
                current = None if node is None else node.get("fallback")
            self._outputs[node_id] = _union(chain.values())
        return self._outputs[node_id]


def listed(words: Iterable[str]) -> str:
    """Join words with commas. Of very many, only the first are listed."""
    sorted_words = list(words)
    more = len(sorted_words) - _MOST_SHOWN
    return ", ".join(sorted_words) if more <= 0 else f"{', '.join(sorted_words[:_MOST_SHOWN])} and {more} more"


def _given_by(node: Mapping[str, Any]) -> ValueType:
    match known_type(node.get("type")):
        case "llm":
            schema = node.get("output_schema", node.get("schema"))
            if schema is not None:
                return _of_schema(schema)
            return TEXT if node.get("output_format") in (None, "text") else UNKNOWN
        case "critic":
            return _of_schema(_verdict(node.get("criteria", DEFAULT_CRITERIA)))
        case "conditional":
            return _of_schema(_schema_of(ConditionalOutput))
        case "tool" | None:
            return UNKNOWN


def _item(index: int, schema: Mapping[str, Any], document: _Document) -> TypedPart:
    first = schema.get("prefixItems")
    item = first[index] if is_array(first) and index < len(first) else schema.get("items")
    return TypedPart(_read(item, document), is_optional=False)


def _field(name: str, schema: Mapping[str, Any], document: _Document) -> TypedPart | None:
    properties = schema.get("properties")
    if is_object(properties) and name in properties:
        required = schema.get("required")
        is_optional = name not in required if is_array(required) else not document.required_unless_said
        return TypedPart(_read(properties[name], document), is_optional)
    # Without `additionalProperties`, we assume that `properties` names all fields.
    others = schema.get("additionalProperties", not is_object(properties))
    if others is False and is_closed(schema):
        return None
    return TypedPart(_read(others, document), is_optional=False)


def _verdict(criteria: object) -> dict[str, Any]:
    """Return the schema of a critic's output, with the names of the scores if they are known."""
    schema = _schema_of(CriticOutput)
    if not (is_array(criteria) and all(isinstance(name, str) and not expressions(name) for name in criteria)):
        return schema
    scores = {"type": "object", "properties": {name: {"type": "number"} for name in criteria}}
    return schema | {"properties": schema["properties"] | {"criteria_scores": scores}}


@cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _of_schema(schema: Any) -> ValueType:
    """Return the type of a node's output. Without `required`, all fields are required: the model is asked for them."""
    return _read(schema, _Document(schema, required_unless_said=True, types={}))


def _read(schema: Any, document: _Document, depth: int = 0) -> ValueType:
    """Return the type that a JSON Schema describes, or a wider one. Unread keywords would only restrict it."""
    if not is_object(schema) or depth > _DEEPEST:
        return UNKNOWN
    if "$ref" in schema:
        name = schema["$ref"]
        if not isinstance(name, str) or not _has_only(schema, "$ref"):
            return UNKNOWN
        if name not in document.types:
            document.types[name] = UNKNOWN
            document.types[name] = _read(referenced(name, document.schema), document, depth + 1)
        return document.types[name]
    if "const" in schema:
        return _enumeration([schema["const"]])
    if is_array(schema.get("enum")):
        return _enumeration(schema["enum"])
    for keyword in ("anyOf", "oneOf", "allOf"):
        members = schema.get(keyword)
        if is_array(members) and _has_only(schema, keyword) and (keyword != "allOf" or len(members) == 1):
            return _with_null(schema, _union(_read(member, document, depth + 1) for member in members))
    kinds = _kinds(schema)
    if not kinds:
        return UNKNOWN
    return _with_null(schema, ValueType(tuple(_form(kind, schema, document) for kind in kinds)))


def _kinds(schema: Mapping[str, Any]) -> list[Kind]:
    """Return the kinds that `type` names, or none if it names an unknown one."""
    names = schema.get("type")
    if names is None:
        # JSON Schema then allows other kinds too, but the author probably didn't think of them.
        return ["object"] if is_object(schema.get("properties")) else ["list"] if "items" in schema else []
    names = names if is_array(names) else [names]
    if not all(isinstance(name, str) and name in _KINDS for name in names):
        return []
    return list(dict.fromkeys(_KINDS[name] for name in names))


def _form(kind: Kind, schema: Mapping[str, Any], document: _Document) -> Form:
    values: tuple[Any, ...] | None = {"boolean": (True, False), "null": (None,)}.get(kind)
    return Form(kind, values, schema, document)


def _with_null(schema: Mapping[str, Any], value_type: ValueType) -> ValueType:
    """Add null to a type if the schema has OpenAPI's `nullable`."""
    is_nullable = value_type.is_known and schema.get("nullable") is True
    return _union((value_type, _enumeration([None]))) if is_nullable else value_type


def _has_only(schema: Mapping[str, Any], keyword: str) -> bool:
    return all(key in (keyword, "nullable") or is_annotation(key) for key in schema)


def _enumeration(values: Sequence[Any]) -> ValueType:
    by_kind: dict[Kind, list[Any]] = {}
    for value in values:
        by_kind.setdefault(kind_of(value), []).append(value)
    are_known = len(values) <= _MOST_VALUES
    return ValueType(tuple(Form(kind, tuple(values) if are_known else None) for kind, values in by_kind.items()))


def _union(types: Iterable[ValueType]) -> ValueType:
    """Return the union of several types, or unknown if one of them is unknown or they are too many."""
    members = list(types)
    if not all(member.forms for member in members) or sum(len(member.forms) for member in members) > _MOST_FORMS:
        return UNKNOWN
    return ValueType(tuple(form for member in members for form in member.forms))


def kind_of(value: object) -> Kind:
    """Return the kind of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "object" if is_object(value) else "list"
