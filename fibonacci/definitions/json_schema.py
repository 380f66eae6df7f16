"""JSON Schema: whether a value fits a schema, in bounded time, and what is wrong with the schema itself.

This covers the part of the standard that schemas of inputs and answers use. `schema_faults` lists everything else, so
nothing goes unchecked without notice.

The schemas and values are untrusted, and 30 references that each name the next one twice make a billion schemas. So
each check counts its steps, about one for each schema and value, and stops at a limit. A value that reaches the limit
counts as not fitting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from fibonacci._texts.suggestions import did_you_mean, nearest
from fibonacci.definitions.json_types import as_object, canonical, is_array, is_number, is_object, shown
from fibonacci.definitions.patterns import PatternError, Steps, TooManyStepsError, matches, pattern_fault

Schema = Mapping[str, Any] | bool

TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": is_object,
    "array": is_array,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": is_number,
    "integer": lambda value: is_number(value) and (isinstance(value, int) or value.is_integer()),
}
"""The types of JSON Schema by name, each with whether a value has it."""

_MOST_REFERENCES: Final = 50
_LONGEST_REFERENCE: Final = 1_000
_MEMBERS_A_STEP: Final = 20
_CHARACTERS_A_STEP: Final = 50
_MOST_CHOICES_SHOWN: Final = 50

_OPENING: Final = (
    "$ref", "allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "patternProperties", "then",
)  # fmt: skip
"""Keywords that may allow further properties than `properties` names."""

MALFORMED: Final = (TypeError, AttributeError, ValueError, ArithmeticError, LookupError)
"""The errors from a schema whose keywords have arguments of the wrong type."""


class Fault(NamedTuple):
    """Why a value doesn't fit a schema, or can't be checked against it."""

    place: str
    """The place in the value, such as `answer.rows[0]`."""

    message: str
    """The reason."""

    name: str = ""
    """The property that is missing or not allowed at that place. Empty for other reasons."""

    is_certain: bool = True
    """Whether the value certainly doesn't fit. If not, the schema is malformed, or the check takes too long."""

    is_over_limit: bool = False
    """Whether the check took too long, which isn't a reason to accept the value."""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def first_fault(schema: Schema, value: Any, place: str = "", *, steps: Steps | None = None) -> Fault | None:
    """Return why a value does not fit a schema, with the place inside it, or `None` if it fits.

    Args:
        schema: The schema.
        value: The value, any JSON.
        place: The name of the value, which begins the message.
        steps: The time limit, which several checks can share. Default: the limit of one check.

    Example:
        >>> str(first_fault({"properties": {"n": {"type": "integer"}}}, {"n": "5"}, "answer"))
        "answer.n: '5' is not of the type integer"
    """
    return next(all_faults(schema, value, place, steps=steps), None)


def all_faults(schema: Schema, value: Any, place: str = "", *, steps: Steps | None = None) -> Iterator[Fault]:
    """Yield all reasons why a value doesn't fit a schema. One that isn't certain comes last."""
    try:
        yield from _Check(schema, steps or Steps()).faults(schema, value, place)
    except _UncheckedPattern as error:
        yield error.fault
    except TooManyStepsError as error:
        yield Fault(place, f"the schema {error}", is_certain=False, is_over_limit=True)
    except RecursionError:
        reason = "the schema refers to itself endlessly, or has more levels than can be checked"
        yield Fault(place, reason, is_certain=False)
    except MALFORMED as error:
        yield Fault(place, f"the schema is malformed: {error}", is_certain=False)


def is_closed(schema: Mapping[str, Any]) -> bool:
    """Tell whether `properties` names all properties of a schema. It does unless another keyword allows more."""
    return schema.get("additionalProperties", False) is False and not any(key in schema for key in _OPENING)


def referenced(reference: str, root: Schema) -> Any:
    """Return the part of a schema that a `$ref` names, or None if there is no such part."""
    if len(reference) > _LONGEST_REFERENCE:
        return None
    head, *parts = reference.split("/")
    target: Any = root if head == "#" else None
    for part in parts:
        name = part.replace("~1", "/").replace("~0", "~")
        target = target.get(name) if is_object(target) else None
    return target


def target_of(schema: Schema, root: Schema) -> Schema:
    """Follow the references of a schema to `$defs`, `definitions` or the root. Return false if one is broken."""
    for _ in range(_MOST_REFERENCES):
        if not is_object(schema) or "$ref" not in schema:
            return schema
        target = referenced(str(schema["$ref"]), root)
        if not (is_object(target) or isinstance(target, bool)):
            return False
        schema = target
    return False


class _UncheckedPattern(Exception):
    """A pattern can't tell whether a text fits. Neither `anyOf` nor `not` may take that for a no."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


_Place = str | tuple["_Place", str | int]
"""A place in a value: its name, or the place of its container and the name or index in there. Only the place of a fault
is written out, because writing that of each element would take as long as all the names around it."""


class _Check:
    def __init__(self, root: Schema, steps: Steps) -> None:
        self._root = root
        self._steps = steps
        self._choices: dict[int, Collection[str]] = {}

    def faults(self, schema: Schema, value: Any, place: _Place) -> Iterator[Fault]:
        """Yield why a value does not fit."""
        if not is_object(schema):
            self._steps.take(1)
            if schema is False:
                yield self.fault(place, "nothing is allowed here")
            return
        self._steps.take(1 + len(schema) // _MEMBERS_A_STEP)
        for keyword, argument in schema.items():
            check = _CHECKS.get(keyword)
            if check is not None:
                yield from check(self, argument, value, place, schema)

    def fits(self, schema: Schema, value: Any) -> bool:
        self._steps.take(2)
        return next(self.faults(schema, value, ""), None) is None

    def fault(self, place: _Place, message: str, name: str = "") -> Fault:
        written = _place_text(place)
        self._steps.take(3 + (len(written) + len(message)) // _CHARACTERS_A_STEP)
        return Fault(written, message, name)

    def reference(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        self._steps.take(2 + len(argument) // _CHARACTERS_A_STEP)
        target = referenced(argument, self._root)
        if is_object(target) or isinstance(target, bool):
            yield from self.faults(target, value, place)
        else:
            yield self.fault(place, f"the schema has no {argument}")

    def type_of(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        names = argument if is_array(argument) else [argument]
        self._steps.take(len(names) // _MEMBERS_A_STEP)
        if not any(isinstance(name, str) and name in TYPES and TYPES[name](value) for name in names):
            yield self.fault(place, f"{shown(value)} is not of the type {' or '.join(map(str, names))}")

    def enum(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if not self._is_one_of(value, argument, id(argument)):
            more = len(argument) - _MOST_CHOICES_SHOWN
            choices = ", ".join(shown(choice) for choice, _ in zip(argument, range(_MOST_CHOICES_SHOWN), strict=False))
            yield self.fault(place, f"{shown(value)} is not one of {choices}{f' and {more:,} more' * (more > 0)}")

    def const(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if not self._is_one_of(value, [argument], id(schema)):
            yield self.fault(place, f"{shown(value)} is not {shown(argument)}")

    def required(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        self._steps.take(len(argument) // _MEMBERS_A_STEP)
        for name in argument if is_object(value) else ():
            if name not in value:
                yield self.fault(place, f"{name!r} is required", name)

    def properties(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        self._steps.take(len(argument) // _MEMBERS_A_STEP)
        for name, inner in argument.items() if is_object(value) else ():
            if name in value:
                yield from self.faults(inner, value[name], (place, name))

    def additional(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if not is_object(value):
            return
        self._steps.take(len(value) // _MEMBERS_A_STEP)
        for name in value:
            if name not in schema.get("properties", {}):
                if argument is False:
                    yield self.fault(place, f"{name!r} is not among its properties", name)
                else:
                    yield from self.faults(argument, value[name], (place, name))

    def items(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        start = len(schema.get("prefixItems", ()))
        for index, element in enumerate(value[start:], start) if is_array(value) else ():
            yield from self.faults(argument, element, (place, index))

    def prefix_items(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        for index, (inner, element) in enumerate(zip(argument, value, strict=False)) if is_array(value) else ():
            yield from self.faults(inner, element, (place, index))

    def unique(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if argument and is_array(value) and len({*map(self._text, value)}) < len(value):
            yield self.fault(place, "its elements are not unique")

    def all_of(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        for inner in argument:
            yield from self.faults(inner, value, place)

    def any_of(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if not any(self.fits(inner, value) for inner in argument):
            yield self.fault(place, f"{shown(value)} fits none of the schemas in anyOf")

    def one_of(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        count = sum(self.fits(inner, value) for inner in argument)
        if count != 1:
            reason = f"fits {count or 'none'} of the schemas in oneOf, but must fit exactly one"
            yield self.fault(place, f"{shown(value)} {reason}")

    def negation(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if self.fits(argument, value):
            yield self.fault(place, f"{shown(value)} fits the schema in not")

    def pattern(self, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        try:
            if isinstance(value, str) and not matches(argument, value, self._steps):
                yield self.fault(place, f"{shown(value)} does not match {argument!r}")
        except PatternError as error:
            message, is_over_limit = f"the pattern {shown(argument)} {error}", isinstance(error, TooManyStepsError)
            fault = Fault(_place_text(place), message, is_certain=False, is_over_limit=is_over_limit)
            raise _UncheckedPattern(fault) from None

    def _is_one_of(self, value: Any, choices: Any, key: int) -> bool:
        if key not in self._choices:
            self._choices[key] = {*map(self._text, choices)}
        return self._text(value) in self._choices[key]

    def _text(self, value: Any) -> str:
        """Return a text that is the same for equal JSON: 1 equals 1.0, but true doesn't equal 1.

        Numbers can be chosen to have equal hashes, which makes a set of them take quadratic time. Texts can't.
        """
        text = canonical(value)
        self._steps.take(1 + len(text) // _CHARACTERS_A_STEP)
        return text


def _bound(word: str, kind: Callable[[Any], bool], fits: Callable[[Any, Any], bool]) -> Any:
    def check(of: _Check, argument: Any, value: Any, place: _Place, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if kind(value) and not fits(value, argument):
            yield of.fault(place, f"{shown(value)} {word.format(argument)}")

    return check


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_CHECKS: Final[Mapping[str, Callable[[_Check, Any, Any, _Place, Mapping[str, Any]], Iterator[Fault]]]] = {
    "$ref": _Check.reference,
    "type": _Check.type_of,
    "enum": _Check.enum,
    "const": _Check.const,
    "required": _Check.required,
    "properties": _Check.properties,
    "additionalProperties": _Check.additional,
    "items": _Check.items,
    "prefixItems": _Check.prefix_items,
    "uniqueItems": _Check.unique,
    "allOf": _Check.all_of,
    "anyOf": _Check.any_of,
    "oneOf": _Check.one_of,
    "not": _Check.negation,
    "pattern": _Check.pattern,
    "minimum": _bound("is less than {}", is_number, lambda value, bound: value >= bound),
    "maximum": _bound("is more than {}", is_number, lambda value, bound: value <= bound),
    "exclusiveMinimum": _bound("is not more than {}", is_number, lambda value, bound: value > bound),
    "exclusiveMaximum": _bound("is not less than {}", is_number, lambda value, bound: value < bound),
    "multipleOf": _bound("is not a multiple of {}", is_number, lambda value, step: (value / step).is_integer()),
    "minLength": _bound("has fewer than {} characters", _is_text, lambda value, bound: len(value) >= bound),
    "maxLength": _bound("has more than {} characters", _is_text, lambda value, bound: len(value) <= bound),
    "minItems": _bound("has fewer than {} elements", is_array, lambda value, bound: len(value) >= bound),
    "maxItems": _bound("has more than {} elements", is_array, lambda value, bound: len(value) <= bound),
    "minProperties": _bound("has fewer than {} properties", is_object, lambda value, bound: len(value) >= bound),
    "maxProperties": _bound("has more than {} properties", is_object, lambda value, bound: len(value) <= bound),
}

CHECKED_KEYWORDS: Final = frozenset(_CHECKS)
"""The keywords that a value can contradict."""


def _place_text(place: _Place) -> str:
    parts: list[str] = []
    while not isinstance(place, str):
        place, part = place
        parts.append(f"[{part}]" if isinstance(part, int) else f".{part}")
    return "".join([place, *reversed(parts)]).removeprefix("" if place else ".")


_ANNOTATIONS: Final = frozenset(
    (
        "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "example",
        "format", "deprecated", "readOnly", "writeOnly", "discriminator", "contentEncoding", "contentMediaType",
        "contentSchema", "externalDocs", "xml",
    )
)  # fmt: skip
"""Keywords that no value can contradict, besides those with `x-`. Some are from OpenAPI, as Pydantic writes them."""

_UNCHECKED: Final = (
    "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef", "$vocabulary", "additionalItems",
    "contains", "dependencies", "dependentRequired", "dependentSchemas", "else", "if", "maxContains", "minContains",
    "nullable", "patternProperties", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
"""Keywords of the standard and of OpenAPI that `first_fault` doesn't check."""

_KNOWN: Final = CHECKED_KEYWORDS | _ANNOTATIONS | {*_UNCHECKED}
_BY_NAME: Final = ("properties", "$defs", "definitions")
_OF_ONE: Final = ("additionalProperties", "items", "not")
_OF_LIST: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_SAME_VALUE: Final = ("allOf", "anyOf", "oneOf", "not")
"""Keywords whose schemas are about the same value, so the properties may be spread over several schemas."""

_ARRAYS: Final = ("enum", "required", *_OF_LIST)
BOUNDS: Final = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems",
    "maxItems", "minProperties", "maxProperties",
)  # fmt: skip
"""Keywords whose argument is a number."""

_TEXTS: Final = ("pattern", "$ref")
_OTHER_TYPES: Final[Mapping[str, str]] = {
    "str": "string", "text": "string", "int": "integer", "long": "integer", "float": "number", "double": "number",
    "decimal": "number", "bool": "boolean", "list": "array", "dict": "object", "map": "object", "none": "null",
}  # fmt: skip
"""Names of the types in other languages."""

_SIMILAR: Final = 0.75  # "tipe" and "type". A lower one would match keywords of other tools, such as enumNames
_FEWEST_LETTERS: Final = 4  # "note" isn't a misspelled "not"


class SchemaFault(NamedTuple):
    """One fault of a JSON Schema."""

    place: str
    """The place, beginning with that of the schema, such as `input_schema.properties.a.type`."""

    code: Literal["bad_schema", "misspelled_schema_keyword", "unknown_property", "unknown_schema_keyword"]
    """`unknown_schema_keyword` means unchecked but perhaps right. The other codes mean wrong."""

    message: str
    """The fault in words."""


def schema_faults(schema: Any, place: str = "") -> Iterator[SchemaFault]:
    """Yield what is wrong in a schema, and what `first_fault` doesn't check.

    Args:
        schema: The schema, any JSON.
        place: The place of the schema, with which those of the faults begin.
    """
    pending = [(place, schema, False)]  # a stack, because schemas may be deeper than recursion allows
    while pending:
        at, current, is_partial = pending.pop()
        if is_object(current):
            yield from _faults(current, at, schema, is_partial=is_partial)
            pending.extend(reversed(list(_inner(current, at))))
        elif not isinstance(current, bool):
            yield SchemaFault(at, "bad_schema", f"a schema is an object, true or false, not {shown(current)}")


def _inner(schema: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any, bool]]:
    """Yield the schemas directly inside another, and whether each describes its value only partly."""
    for keyword, value in schema.items():
        at = f"{place}.{keyword}"
        if keyword in _BY_NAME and is_object(value):
            yield from ((f"{at}.{name}", inner, False) for name, inner in value.items())
        elif keyword in _OF_LIST and is_array(value):
            yield from ((f"{at}[{index}]", inner, keyword in _SAME_VALUE) for index, inner in enumerate(value))
        elif keyword in _OF_ONE and not is_array(value):
            yield at, value, keyword in _SAME_VALUE


def _faults(schema: Mapping[str, Any], place: str, root: Any, *, is_partial: bool) -> Iterator[SchemaFault]:
    """Yield the faults of a schema, without those of the schemas inside it."""
    for keyword, value in schema.items():
        at = f"{place}.{keyword}"
        if keyword not in CHECKED_KEYWORDS:
            yield from _unchecked(keyword, at)
        elif not is_argument(keyword, value):
            yield SchemaFault(at, "bad_schema", f"{shown(value)} is not a valid value for {keyword!r}")
        elif keyword == "type":
            yield from _unknown_types(value, at)
        elif keyword == "pattern" and (reason := pattern_fault(value)):
            yield SchemaFault(at, "unknown_schema_keyword", f"the pattern {shown(value)} {reason}")
        elif keyword == "$ref":
            yield from _broken_reference(value, at, root)
        elif keyword == "required" and not is_partial:
            yield from _required_without_property(schema, at)
        elif keyword == "items" and is_array(value):
            yield SchemaFault(at, "unknown_schema_keyword", "'items' with a list is not checked. Use 'prefixItems'")


def is_annotation(keyword: str) -> bool:
    """Tell whether no value can contradict a keyword."""
    return keyword in _ANNOTATIONS or keyword.startswith("x-")


def _unchecked(keyword: str, place: str) -> Iterator[SchemaFault]:
    if is_annotation(keyword):
        return
    near = None if keyword in _UNCHECKED else _nearest_keyword(keyword)
    if near is not None:
        message = f"{keyword!r} is not a keyword of JSON Schema. Did you mean {near!r}?"
        yield SchemaFault(place, "misspelled_schema_keyword", message)
    else:
        message = f"the schema keyword {keyword!r} is not checked: neither the SDK nor the emulator reads it"
        yield SchemaFault(place, "unknown_schema_keyword", message)


def _nearest_keyword(word: str) -> str | None:
    """Return the keyword that a misspelled word certainly means, or None."""
    letters = _letters(word)
    known = [
        keyword for keyword in sorted(_KNOWN) if len(keyword) >= _FEWEST_LETTERS and abs(len(keyword) - len(word)) <= 2
    ]
    same = next(
        (keyword for keyword in known if sorted(_letters(keyword)) == sorted(letters)), None
    )  # two letters swapped
    return same or nearest(word, known, cutoff=_SIMILAR)


def _letters(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def _unknown_types(value: Any, place: str) -> Iterator[SchemaFault]:
    for name in value if is_array(value) else [value]:
        if isinstance(name, str) and name not in TYPES:
            near = _OTHER_TYPES.get(name.lower()) or nearest(name.lower(), TYPES)
            remedy = f"Did you mean {near!r}?" if near else f"The types are {', '.join(TYPES)}"
            yield SchemaFault(place, "bad_schema", f"JSON Schema has no type {name!r}. {remedy}")
        elif not isinstance(name, str):
            yield SchemaFault(place, "bad_schema", f"{shown(name)} is not a type. The types are {', '.join(TYPES)}")


def _broken_reference(reference: str, place: str, root: Any) -> Iterator[SchemaFault]:
    if not reference.startswith("#/") or "%" in reference:
        if reference != "#":
            message = (
                f"the reference {reference!r} is not followed. Only references within the schema are, such as"
                " '#/$defs/NAME'"
            )
            yield SchemaFault(place, "unknown_schema_keyword", message)
    elif target_of({"$ref": reference}, root) is False:
        names = [f"#/{key}/{name}" for key in ("$defs", "definitions") for name in as_object(root.get(key))]
        message = f"the schema has no {reference!r}{did_you_mean(reference, names)}"
        yield SchemaFault(place, "bad_schema", message)


def _required_without_property(schema: Mapping[str, Any], place: str) -> Iterator[SchemaFault]:
    properties = schema.get("properties")
    for index, name in enumerate(schema["required"]):
        if not isinstance(name, str):
            yield SchemaFault(f"{place}[{index}]", "bad_schema", f"{shown(name)} is not the name of a property")
        elif is_object(properties) and name not in properties and is_closed(schema):
            message = f"{name!r} is required and is not among the properties{did_you_mean(name, properties)}"
            yield SchemaFault(f"{place}[{index}]", "unknown_property", message)


def is_argument(keyword: str, value: Any) -> bool:
    """Tell whether a value has the type that a keyword takes."""
    if keyword in _BY_NAME:
        return is_object(value)
    if keyword in _ARRAYS:
        return is_array(value)
    if keyword in BOUNDS:
        return is_number(value) and (keyword != "multipleOf" or value > 0)
    return keyword not in _TEXTS or isinstance(value, str)
