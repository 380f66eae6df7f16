"""The kind of the values in a column: declared by the model, or found from the values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import reduce
from types import NoneType
from typing import Any, Literal, NamedTuple, cast, get_args, get_origin


class ListOf(NamedTuple):
    """Lists whose items are all of one kind."""

    item: Kind


class Struct(NamedTuple):
    """Objects whose fields have the same kinds wherever they occur."""

    fields: Mapping[str, Kind]


Kind = Literal["null", "boolean", "integer", "number", "text", "time", "mixed"] | ListOf | Struct
"""`null`: there is nothing but None. `mixed`: the values have no kind in common, or none that a column can have."""

_SCALARS: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", str: "text", datetime: "time"}
_INT64 = range(-(2**63), 2**63)


def declared_kind(declared: Any) -> Kind:
    """Return the kind that a type annotation determines; `null` where only the values determine it."""
    if declared in _SCALARS:
        return _SCALARS[declared]
    origin, arguments = get_origin(declared), get_args(declared)
    if origin is Literal:
        return common_kind(kind_of(value) for value in arguments)
    if origin is list:
        return ListOf(declared_kind(arguments[0]))
    if origin is dict or not arguments:
        return "null"
    kinds: list[Kind] = [declared_kind(each) for each in arguments if each is not NoneType]
    if set(kinds) == {"integer", "number"}:
        return "integer"  # integers stay integers until a value is none
    kind = common_kind(kinds)
    return "null" if kind == "mixed" else kind


def kind_of(value: object) -> Kind:
    """Return the kind of a value: JSON or a time."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        fields: dict[str, Kind] = {str(name): kind_of(member) for name, member in members.items()}
        return Struct(fields)
    if isinstance(value, list | tuple):
        return ListOf(common_kind(map(kind_of, cast("list[object]", value))))
    kind = _SCALARS.get(type(value), "mixed")
    return "mixed" if kind == "integer" and value not in _INT64 else kind


def common_kind(kinds: Iterable[Kind]) -> Kind:
    """Return the kind that values of all these kinds have in common."""
    return reduce(_common, kinds, "null")


def _common(one: Kind, other: Kind) -> Kind:
    if one == other or other == "null":
        return one
    if one == "null":
        return other
    if isinstance(one, Struct) and isinstance(other, Struct):
        names = {**one.fields, **other.fields}
        return Struct({name: _common(one.fields.get(name, "null"), other.fields.get(name, "null")) for name in names})
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        return ListOf(_common(one.item, other.item))
    return "number" if {type(one), type(other)} == {str} and {one, other} == {"integer", "number"} else "mixed"


def is_uniform(kind: Kind) -> bool:
    """Whether values of a kind have one shape throughout; an object without fields has none that can be stored."""
    if isinstance(kind, ListOf):
        return is_uniform(kind.item)
    if isinstance(kind, Struct):
        return bool(kind.fields) and all(map(is_uniform, kind.fields.values()))
    return kind != "mixed"


def fitted(value: Any, kind: Kind) -> Any:
    """Return a value as its kind has it: times in UTC, numbers as floats, objects with all fields."""
    if value is None:
        return None
    if isinstance(kind, Struct):
        return {name: fitted(value.get(name), each) for name, each in kind.fields.items()}
    if isinstance(kind, ListOf):
        return [fitted(item, kind.item) for item in value]
    if kind == "time":
        return _in_utc(value)
    return float(value) if kind == "number" else value


def _in_utc(value: datetime) -> datetime | None:
    """Return a time in UTC, which one without a time zone is taken to be in; None when its year there is no year."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None
