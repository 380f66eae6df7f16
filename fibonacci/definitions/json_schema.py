"""JSON Schema: whether a value fits a schema.

This is the part of the standard that schemas of inputs and answers use. `schema_faults` lists what is outside of it, so
that nothing is left unchecked in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from fibonacci.definitions.json_types import is_array, is_object, shown
from fibonacci.definitions.patterns import PatternError, Steps, matches

Schema = Mapping[str, Any] | bool

TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": is_object,
    "array": is_array,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: _is_number(value),
    "integer": lambda value: _is_number(value) and value == int(value),
}
"""The types of JSON Schema by name, each with whether a value has it."""

_MOST_REFERENCES: Final = 50

_OPENING: Final = (
    "$ref", "allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "patternProperties", "then",
)  # fmt: skip
"""Keywords that may allow further properties than `properties` names."""

MALFORMED: Final = (TypeError, AttributeError, ValueError, ArithmeticError, LookupError)
"""What a schema raises whose keywords have arguments of wrong types."""


class Fault(NamedTuple):
    """Why a value does not fit a schema, or cannot be compared with it."""

    place: str
    """The place in the value, such as `answer.rows[0]`."""

    message: str
    """The reason."""

    name: str = ""
    """The property of the value there that is missing, or must not be there; empty for other reasons."""

    is_certain: bool = True
    """Whether the value does not fit. If not, the schema cannot tell: it is malformed, or a pattern takes too long."""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def first_fault(schema: Schema, value: Any, place: str = "", *, steps: Steps | None = None) -> Fault | None:
    """Return why a value does not fit a schema, with the place inside it; `None` if it fits.

    Args:
        schema: The schema.
        value: The value, any JSON.
        place: The name of the value, which begins the message.
        steps: The time for patterns, shared by several checks. Default: that of one check.

    Example:
        >>> str(first_fault({"properties": {"n": {"type": "integer"}}}, {"n": "5"}, "answer"))
        "answer.n: '5' is not of the type integer"
    """
    return next(all_faults(schema, value, place, steps=steps), None)


def all_faults(schema: Schema, value: Any, place: str = "", *, steps: Steps | None = None) -> Iterator[Fault]:
    """Yield each reason why a value does not fit a schema; one that is not certain is the last."""
    try:
        yield from _Check(schema, steps or Steps()).faults(schema, value, place)
    except _UncheckedPattern as error:
        yield error.fault
    except RecursionError:
        yield Fault(place, "the schema refers to itself without end", is_certain=False)
    except MALFORMED as error:
        yield Fault(place, f"the schema is malformed: {error}", is_certain=False)


def is_closed(schema: Mapping[str, Any]) -> bool:
    """Tell whether `properties` of a schema names all properties; without `additionalProperties` it does by custom."""
    return schema.get("additionalProperties", False) is False and not any(key in schema for key in _OPENING)


def referenced(reference: str, root: Schema) -> Any:
    """Return the part of a schema that a `$ref` names; None if it names none of it."""
    head, *parts = reference.split("/")
    found: Any = root if head == "#" else None
    for part in parts:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if is_object(found) else None
    return found


def target_of(schema: Schema, root: Schema) -> Schema:
    """Follow the references of a schema to `$defs`, `definitions` or the root; false, which fits nothing, if broken."""
    for _ in range(_MOST_REFERENCES):
        if not is_object(schema) or "$ref" not in schema:
            return schema
        found = referenced(str(schema["$ref"]), root)
        if not (is_object(found) or isinstance(found, bool)):
            return False
        schema = found
    return False


class _UncheckedPattern(Exception):
    """A pattern cannot tell whether a text fits: neither `anyOf` nor `not` may take that for a no."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


class _Check:
    def __init__(self, root: Schema, steps: Steps) -> None:
        self._root = root
        self._steps = steps

    def faults(self, schema: Schema, value: Any, place: str) -> Iterator[Fault]:
        """Yield why a value does not fit."""
        if not is_object(schema):
            if schema is False:
                yield Fault(place, "nothing is allowed here")
            return
        for keyword, argument in schema.items():
            check = _CHECKS.get(keyword)
            if check is not None:
                yield from check(self, argument, value, place, schema)

    def fits(self, schema: Schema, value: Any) -> bool:
        return next(self.faults(schema, value, ""), None) is None

    def reference(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        target = target_of({"$ref": argument}, self._root)
        if target is False:
            yield Fault(place, f"the schema has no {argument}")
        yield from self.faults(target, value, place) if target is not False else ()

    def type_of(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        names = argument if is_array(argument) else [argument]
        if not any(isinstance(name, str) and name in TYPES and TYPES[name](value) for name in names):
            yield Fault(place, f"{shown(value)} is not of the type {' or '.join(map(str, names))}")

    def enum(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if not any(_same(value, choice) for choice in argument):
            yield Fault(place, f"{shown(value)} is not one of {', '.join(map(shown, argument))}")

    def const(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if not _same(value, argument):
            yield Fault(place, f"{shown(value)} is not {shown(argument)}")

    def required(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        for name in argument if is_object(value) else ():
            if name not in value:
                yield Fault(place, f"{name!r} is required", name)

    def properties(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        for name, inner in argument.items() if is_object(value) else ():
            if name in value:
                yield from self.faults(inner, value[name], _join(place, name))

    def additional(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        for name in value if is_object(value) else ():
            if name not in schema.get("properties", {}):
                if argument is False:
                    yield Fault(place, f"{name!r} is not among its properties", name)
                else:
                    yield from self.faults(argument, value[name], _join(place, name))

    def items(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        start = len(schema.get("prefixItems", ()))
        for index, element in enumerate(value[start:], start) if is_array(value) else ():
            yield from self.faults(argument, element, f"{place}[{index}]")

    def prefix_items(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        for index, (inner, element) in enumerate(zip(argument, value, strict=False)) if is_array(value) else ():
            yield from self.faults(inner, element, f"{place}[{index}]")

    def unique(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        elements = value if argument and is_array(value) else ()
        if any(_same(elements[i], elements[j]) for i in range(len(elements)) for j in range(i)):
            yield Fault(place, "its elements are not unique")

    def all_of(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        for inner in argument:
            yield from self.faults(inner, value, place)

    def any_of(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if not any(self.fits(inner, value) for inner in argument):
            yield Fault(place, f"{shown(value)} fits none of the schemas of anyOf")

    def one_of(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        count = sum(self.fits(inner, value) for inner in argument)
        if count != 1:
            yield Fault(place, f"{shown(value)} fits {count or 'none'} of the schemas of oneOf, and has to fit one")

    def negation(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if self.fits(argument, value):
            yield Fault(place, f"{shown(value)} fits the schema of not")

    def pattern(self, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        try:
            if isinstance(value, str) and not matches(argument, value, self._steps):
                yield Fault(place, f"{shown(value)} does not match {argument!r}")
        except PatternError as error:
            fault = Fault(place, f"the pattern {shown(argument)} {error}", is_certain=False)
            raise _UncheckedPattern(fault) from None


def _bound(word: str, kind: Callable[[Any], bool], fits: Callable[[Any, Any], bool]) -> Any:
    def check(_: _Check, argument: Any, value: Any, place: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
        if kind(value) and not fits(value, argument):
            yield Fault(place, f"{shown(value)} {word.format(argument)}")

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_CHECKS: Final[Mapping[str, Callable[[_Check, Any, Any, str, Mapping[str, Any]], Iterator[Fault]]]] = {
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
    "minimum": _bound("is less than {}", _is_number, lambda value, bound: value >= bound),
    "maximum": _bound("is more than {}", _is_number, lambda value, bound: value <= bound),
    "exclusiveMinimum": _bound("is not more than {}", _is_number, lambda value, bound: value > bound),
    "exclusiveMaximum": _bound("is not less than {}", _is_number, lambda value, bound: value < bound),
    "multipleOf": _bound("is no multiple of {}", _is_number, lambda value, step: (value / step).is_integer()),
    "minLength": _bound("has fewer than {} characters", _is_text, lambda value, bound: len(value) >= bound),
    "maxLength": _bound("has more than {} characters", _is_text, lambda value, bound: len(value) <= bound),
    "minItems": _bound("has fewer than {} elements", is_array, lambda value, bound: len(value) >= bound),
    "maxItems": _bound("has more than {} elements", is_array, lambda value, bound: len(value) <= bound),
    "minProperties": _bound("has fewer than {} properties", is_object, lambda value, bound: len(value) >= bound),
    "maxProperties": _bound("has more than {} properties", is_object, lambda value, bound: len(value) <= bound),
}

CHECKED_KEYWORDS: Final = frozenset(_CHECKS)
"""The keywords that a value can contradict."""


def _same(first: Any, second: Any) -> bool:
    """Return whether two values are the same JSON: 1 is 1.0, and true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if is_array(first) and is_array(second):
        return len(first) == len(second) and all(map(_same, first, second))
    if is_object(first) and is_object(second):
        return first.keys() == second.keys() and all(_same(value, second[key]) for key, value in first.items())
    return bool(first == second)


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
