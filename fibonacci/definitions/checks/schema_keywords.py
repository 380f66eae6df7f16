"""The keywords of JSON Schema: what in a schema is misspelled, and what in it nothing here checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from fibonacci._suggestions import did_you_mean, nearest
from fibonacci.definitions.graph import NodesByIndex
from fibonacci.definitions.json_schema import CHECKED_KEYWORDS, TYPES, is_closed, target_of
from fibonacci.definitions.json_types import is_array, is_object, shown
from fibonacci.definitions.patterns import pattern_fault
from fibonacci.definitions.problems import Problem, problem

_ANNOTATIONS: Final = frozenset(
    (
        "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "example",
        "format", "deprecated", "readOnly", "writeOnly", "discriminator", "contentEncoding", "contentMediaType",
        "contentSchema", "externalDocs", "xml",
    )
)  # fmt: skip
"""Keywords that no value can contradict; those of OpenAPI are among them, which pydantic writes."""

_UNCHECKED: Final = (
    "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef", "$vocabulary", "additionalItems",
    "contains", "dependencies", "dependentRequired", "dependentSchemas", "else", "if", "maxContains", "minContains",
    "nullable", "patternProperties", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
"""Keywords of the standard, and of OpenAPI, that `first_fault` does not check."""

_KNOWN: Final = CHECKED_KEYWORDS | _ANNOTATIONS | {*_UNCHECKED}
_BY_NAME: Final = ("properties", "$defs", "definitions")
_OF_ONE: Final = ("additionalProperties", "items", "not")
_OF_LIST: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_SAME_VALUE: Final = ("allOf", "anyOf", "oneOf", "not")
"""Keywords whose schemas are about the value itself, so that another schema may have its properties."""

_ARRAYS: Final = ("enum", "required", *_OF_LIST)
_NUMBERS: Final = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems",
    "maxItems", "minProperties", "maxProperties",
)  # fmt: skip
_TEXTS: Final = ("pattern", "$ref")
_OTHER_TYPES: Final[Mapping[str, str]] = {
    "str": "string", "text": "string", "int": "integer", "long": "integer", "float": "number", "double": "number",
    "decimal": "number", "bool": "boolean", "list": "array", "dict": "object", "map": "object", "none": "null",
}  # fmt: skip
"""What other languages call the types."""

_SIMILAR: Final = 0.75  # "tipe" and "type"; less would take keywords of other tools, as enumNames, for misspelled ones
_FEWEST_LETTERS: Final = 4  # "note" is no misspelled "not"


class SchemaFault(NamedTuple):
    """One fault of a JSON Schema."""

    place: str
    """The place in the schema, after that of the schema itself, such as `input_schema.properties.a.type`."""

    code: Literal["bad_schema", "misspelled_schema_keyword", "unknown_property", "unknown_schema_keyword"]
    """`unknown_schema_keyword` for what may be right and is not checked, the others for what is wrong."""

    message: str
    """The fault in words."""


def schema_problems(definition: Mapping[str, Any], nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the faults of the schemas of inputs, of outputs, and of answers."""
    schemas = {name: definition.get(name) for name in ("input_schema", "output_schema")}
    for index, node in nodes.items():
        if node.get("type") == "llm":
            schemas |= {f"nodes[{index}].{name}": node.get(name) for name in ("output_schema", "schema")}
    for place, schema in schemas.items():
        for fault in schema_faults(schema, place) if is_object(schema) else ():
            yield problem(*fault)


def schema_faults(schema: Any, place: str = "") -> Iterator[SchemaFault]:
    """Yield what in a schema is wrong, and what `first_fault` does not check.

    Args:
        schema: The schema, any JSON.
        place: Its own place, which begins those of the faults.
    """
    pending = [(place, schema, False)]  # a stack: it may be deeper than recursion allows
    while pending:
        at, current, is_partial = pending.pop()
        if is_object(current):
            yield from _faults(current, at, schema, is_partial=is_partial)
            pending.extend(reversed(list(_inner(current, at))))
        elif not isinstance(current, bool):
            yield SchemaFault(at, "bad_schema", f"a schema is an object, true or false, not {shown(current)}")


def _inner(schema: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any, bool]]:
    """Yield the schemas right inside another, and whether each is only a part of what is said of its value."""
    for keyword, value in schema.items():
        at = f"{place}.{keyword}"
        if keyword in _BY_NAME and is_object(value):
            yield from ((f"{at}.{name}", inner, False) for name, inner in value.items())
        elif keyword in _OF_LIST and is_array(value):
            yield from ((f"{at}[{index}]", inner, keyword in _SAME_VALUE) for index, inner in enumerate(value))
        elif keyword in _OF_ONE and not is_array(value):
            yield at, value, keyword in _SAME_VALUE


def _faults(schema: Mapping[Any, Any], place: str, root: Any, *, is_partial: bool) -> Iterator[SchemaFault]:
    """Yield the faults of a schema, but not of those inside it."""
    for keyword, value in schema.items():
        if not isinstance(keyword, str):
            continue  # it has no JSON form, which is a fault of its own
        at = f"{place}.{keyword}"
        if keyword not in CHECKED_KEYWORDS:
            yield from _unchecked(keyword, at)
        elif not _is_argument(keyword, value):
            yield SchemaFault(at, "bad_schema", f"{shown(value)} is no argument of {keyword!r}")
        elif keyword == "type":
            yield from _unknown_types(value, at)
        elif keyword == "pattern" and (reason := pattern_fault(value)):
            yield SchemaFault(at, "unknown_schema_keyword", f"the pattern {shown(value)} {reason}")
        elif keyword == "$ref":
            yield from _broken_reference(value, at, root)
        elif keyword == "required" and not is_partial:
            yield from _required_without_property(schema, at)
        elif keyword == "items" and is_array(value):
            yield SchemaFault(at, "unknown_schema_keyword", "'items' with a list is not checked; use 'prefixItems'")


def _unchecked(keyword: str, place: str) -> Iterator[SchemaFault]:
    if keyword in _ANNOTATIONS or keyword.startswith("x-"):
        return
    near = None if keyword in _UNCHECKED else _nearest_keyword(keyword)
    if near is not None:
        message = f"{keyword!r} is not a keyword of JSON Schema; did you mean {near!r}?"
        yield SchemaFault(place, "misspelled_schema_keyword", message)
    else:
        message = f"the schema keyword {keyword!r} is not checked: neither the SDK nor the emulator reads it"
        yield SchemaFault(place, "unknown_schema_keyword", message)


def _nearest_keyword(word: str) -> str | None:
    """Return the keyword that another word certainly means; None if it means none."""
    letters = _letters(word)
    known = [each for each in sorted(_KNOWN) if len(each) >= _FEWEST_LETTERS and abs(len(each) - len(word)) <= 2]
    same = next((each for each in known if sorted(_letters(each)) == sorted(letters)), None)  # two letters swapped
    return same or nearest(word, known, cutoff=_SIMILAR)


def _letters(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def _unknown_types(value: Any, place: str) -> Iterator[SchemaFault]:
    for name in value if is_array(value) else [value]:
        if isinstance(name, str) and name not in TYPES:
            near = _OTHER_TYPES.get(name.lower()) or nearest(name.lower(), TYPES)
            remedy = f"did you mean {near!r}?" if near else f"there are {', '.join(TYPES)}"
            yield SchemaFault(place, "bad_schema", f"JSON Schema has no type {name!r}; {remedy}")
        elif not isinstance(name, str):
            yield SchemaFault(place, "bad_schema", f"{shown(name)} is no type; there are {', '.join(TYPES)}")


def _broken_reference(reference: str, place: str, root: Any) -> Iterator[SchemaFault]:
    if not reference.startswith("#/") or "%" in reference:
        if reference != "#":
            message = f"the reference {reference!r} is not followed, only those within the schema, as '#/$defs/NAME'"
            yield SchemaFault(place, "unknown_schema_keyword", message)
    elif target_of({"$ref": reference}, root) is False:
        names = [f"#/{key}/{name}" for key in ("$defs", "definitions") for name in _object(root.get(key))]
        message = f"the schema has no {reference!r}{did_you_mean(reference, names)}"
        yield SchemaFault(place, "bad_schema", message)


def _required_without_property(schema: Mapping[str, Any], place: str) -> Iterator[SchemaFault]:
    properties = schema.get("properties")
    for index, name in enumerate(schema["required"]):
        if not isinstance(name, str):
            yield SchemaFault(f"{place}[{index}]", "bad_schema", f"{shown(name)} is no name of a property")
        elif is_object(properties) and name not in properties and is_closed(schema):
            message = f"{name!r} is required and is not among the properties{did_you_mean(name, map(str, properties))}"
            yield SchemaFault(f"{place}[{index}]", "unknown_property", message)


def _is_argument(keyword: str, value: Any) -> bool:
    if keyword in _BY_NAME:
        return is_object(value)
    if keyword in _ARRAYS:
        return is_array(value)
    if keyword in _NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool) and (keyword != "multipleOf" or value > 0)
    return keyword not in _TEXTS or isinstance(value, str)


def _object(value: Any) -> Mapping[str, Any]:
    return value if is_object(value) else {}
