"""Values of the schemas of `docs/openapi.yaml`, made by a seed: what a server may lose on the way shows in them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeGuard

from fibonacci._core.json_bodies import is_object
from tests.contract.document import JSON, operations, resolve

Schema = Mapping[str, Any]
"""The schema of a property, in the words of JSON Schema. `{}` is any JSON."""

_KEPT: Final[Sequence[str]] = ("type", "enum", "minimum", "minLength", "additionalProperties")


def _plain_schema(schema: JSON) -> JSON:
    """Return what a value is made by: the types and the bounds of a schema."""
    schema = resolve(schema)
    if "anyOf" in schema:
        return {"type": [resolve(part)["type"] for part in schema["anyOf"]]}
    kept: JSON = {kind: schema[kind] for kind in _KEPT if kind in schema}
    return {**kept, "items": _plain_schema(schema["items"])} if "items" in schema else kept


BODIES: Final[Mapping[str, Mapping[str, Schema]]] = {
    each.endpoint: {name: _plain_schema(schema) for name, schema in each.body_schema.get("properties", {}).items()}
    for each in operations()
    if each.body
}
"""The properties of the body of each endpoint that has one. None if the body is any object."""

_PIECES: Final = (
    *("MiXed CaSe", "naïve café", "ÅÉÎ straße", "e\u0301 a\u030a", "日本語", "שלום עולם", "مرحبا"),
    *("👩\u200d👩\u200d👧 🎉", "  two  blanks ", 'a "quoted" \\ text', "<b>&amp;</b>", "line\none\ttab"),
    *("100 % {a} $x", "null", "0", "1.0", "ﬁ Ω"),
)
"""Texts that servers tend to change."""

_INTEGERS: Final = (0, 1, -1, 10, 2**31, -(2**31) - 1, 2**53 - 1, 2**53 + 1)
_FLOATS: Final = (0.5, -2.25, 0.1, 1e-7, 123456.789, 2.5e15)
_LONG: Final = 120
"""The items of a long list, and the pieces of a long text."""

_BY_TYPE: Final[Mapping[str, Sequence[Any]]] = {
    "string": ("seven",),
    "integer": (7,),
    "number": (7.5,),
    "boolean": (True,),
    "array": ([7],),
    "object": ({"seven": 7},),
    "null": (None,),
}


class Values:
    """Makes values. The same seed makes the same ones, on each machine.

    Args:
        seed: The seed.

    Example:
        >>> Values("1 some.check").text() == Values("1 some.check").text()
        True
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def text(self) -> str:
        """Return a text beyond ASCII, with upper and lower case, and with blanks at its ends."""
        pieces = self._random.sample(_PIECES, self._random.randint(1, 3))
        return " / ".join([" ", *pieces, "Zoë 🎈 "])

    def key(self) -> str:
        """Return a name in upper and lower case, beyond ASCII, with characters that a path must encode."""
        return f"contract-suite Ab/Zoë 🎈?{self._random.randint(0, 10**6)}"

    def scalars(self) -> list[Any]:
        """Return one value of each kind except lists and objects, and several numbers."""
        return [self.text(), "", True, False, None, *_INTEGERS, *_FLOATS]

    def json(self) -> Any:
        """Return an object with everything that JSON has: empty and long lists, numbers, texts, keys in any case."""
        return {
            "Upper": self.scalars(),
            "upper": {self.text(): self.text(), "": {}, "empty": []},
            "long": [self._random.choice(_INTEGERS) for _ in range(_LONG)],
            "text": self._random.choice(_PIECES) * _LONG,
            "nested": [[[self._random.choice(_FLOATS)]], {"a": {"b": [None, {"c": self.text()}]}}],
        }

    def valid(self, schema: Schema) -> Any:
        """Return a value that fits a schema."""
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        kinds = _types(schema)
        if not kinds or "object" in kinds:
            of_values = schema.get("additionalProperties")
            return self.json() if of_values is None else {self.text(): self.valid(of_values) for _ in range(3)}
        if "string" in kinds:
            return self.text()
        if "integer" in kinds:
            return schema.get("minimum", 0) + self._random.randint(1, 5)
        return [self.valid(schema["items"])] if "array" in kinds else self._random.choice((True, False))


def invalid(schema: Schema) -> Iterator[Any]:
    """Yield values that do not fit a schema: of each other type, and out of its bounds.

    Args:
        schema: The schema.

    Example:
        >>> list(invalid({"type": ["integer", "null"], "minimum": 1}))
        ['seven', 7.5, True, [7], {'seven': 7}, 0]
    """
    kinds = _types(schema)
    yield from (value for kind, values in _BY_TYPE.items() if kinds and kind not in kinds for value in values)
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if schema.get("minLength") and "enum" not in schema:
        yield ""
    if "enum" in schema:
        yield "seven"
    inner: Schema | None = schema.get("items")
    if inner is not None:
        yield from ([value] for value in invalid(inner))
    inner = schema.get("additionalProperties")
    if inner is not None:
        yield from ({"seven": value} for value in invalid(inner))


def _types(schema: Schema) -> list[str]:
    kinds: str | list[str] = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def same_json(one: Any, other: Any) -> bool:
    """Return whether two values are the same in JSON: 1 is neither 1.0 nor true.

    Args:
        one: A value. A tuple is a list.
        other: Another.

    Example:
        >>> same_json({"a": [1]}, {"a": [1]}), same_json([1], [1.0])
        (True, False)
    """
    if is_object(one) and is_object(other):
        return one.keys() == other.keys() and all(same_json(one[name], other[name]) for name in one)
    if _is_list(one) and _is_list(other):
        return len(one) == len(other) and all(map(same_json, one, other))
    return type(one) is type(other) and bool(one == other)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)
