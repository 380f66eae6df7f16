"""Lists of objects as data frames of pandas and polars and as tables of pyarrow, each an extra, imported when used."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial, reduce
from importlib import import_module
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args, get_origin

from fibonacci._texts.text import parse_time

if TYPE_CHECKING:
    import pandas
    import polars
    from polars._typing import PolarsDataType


class ListOf(NamedTuple):
    """Lists whose items are all of one kind."""

    item: Kind


class Struct(NamedTuple):
    """Objects whose fields have the same kinds wherever they occur."""

    fields: Mapping[str, Kind]


Kind = Literal["null", "boolean", "integer", "number", "text", "time", "mixed"] | ListOf | Struct
"""`null`: every value is None. `mixed`: the values have no common kind, or one that no column can hold."""

_SCALARS: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", str: "text", datetime: "time"}
_INT64 = range(-(2**63), 2**63)


def declared_kind(declared: Any) -> Kind:
    """Return the kind that a type annotation determines, or `null` if only the values determine it."""
    if declared in _SCALARS:
        return _SCALARS[declared]
    origin, arguments = get_origin(declared), get_args(declared)
    if origin is Literal:
        return common_kind(kind_of(value) for value in arguments)
    if origin is list:
        return ListOf(declared_kind(arguments[0]))
    if origin is dict or not arguments:
        return "null"
    kinds: list[Kind] = [declared_kind(argument) for argument in arguments if argument is not NoneType]
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
    """Whether values of a kind have one shape throughout. An object without fields can't be stored as one."""
    if isinstance(kind, ListOf):
        return is_uniform(kind.item)
    if isinstance(kind, Struct):
        return bool(kind.fields) and all(map(is_uniform, kind.fields.values()))
    return kind != "mixed"


def fitted(value: Any, kind: Kind) -> Any:
    """Return a value converted to its kind: times in UTC, numbers as floats, objects with all fields."""
    if value is None:
        return None
    if isinstance(kind, Struct):
        return {name: fitted(value.get(name), field) for name, field in kind.fields.items()}
    if isinstance(kind, ListOf):
        return [fitted(item, kind.item) for item in value]
    if kind == "time":
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return float(value) if kind == "number" else value


Row = Mapping[str, Any]


class Column(NamedTuple):
    """One column: the values of a field of all objects, None where an object doesn't have it."""

    name: str
    kind: Kind
    values: list[Any]

    def typed(self) -> Column:
        """Return the column with values that are all of its kind: JSON texts when they have none in common."""
        if is_uniform(self.kind):
            return self._replace(values=[fitted(value, self.kind) for value in self.values])
        write = partial(json.dumps, ensure_ascii=False, default=str)
        return self._replace(kind="text", values=[None if value is None else write(value) for value in self.values])


def columns_of(rows: Sequence[Row], declared: Mapping[str, Any], *, flatten: bool) -> list[Column]:
    """Return the columns of a list: the documented fields, then the others in the order in which they occur.

    Args:
        rows: The fields of each object.
        declared: The types of the documented fields, which are columns even when the list is empty.
        flatten: Whether to make a column of each field of nested objects, named by dotted paths.
    """
    names = list(dict.fromkeys([*declared, *(name for row in rows for name in row)]))
    if flatten:
        rows, names = _flattened(rows, names, declared)
    return [_column(name, [row.get(name) for row in rows], declared) for name in names]


def _column(name: str, values: list[Any], declared: Mapping[str, Any]) -> Column:
    if name not in declared and name.endswith("_at"):
        values = _times(values)
    kind = common_kind([declared_kind(declared.get(name, NoneType)), *map(kind_of, values)])
    if kind == "null" and name in declared:
        kind = "mixed"  # later values may be of any kind
    return Column(name, kind, values)


def _times(values: list[Any]) -> list[Any]:
    """Return the values of an undocumented field as times when its name ends in `_at` and all its values are times."""
    times = [parse_time(value) for value in values]
    is_time = all(
        value is None or (time is not None and time.tzinfo) for value, time in zip(values, times, strict=True)
    )
    return list(times) if is_time else values


def _flattened(
    rows: Sequence[Row], names: Sequence[str], declared: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows with nested objects replaced by their members, and the names of the columns."""
    flat_rows: list[dict[str, Any]] = [{} for _ in rows]
    paths: dict[str, dict[str, None]] = {name: {} for name in names}
    for row, flat_row in zip(rows, flat_rows, strict=True):
        for name, value in row.items():
            members = dict(_members(name, value))
            flat_row.update(members)
            paths[name].update(dict.fromkeys(members))
    objects = {name for name in names if _is_object(declared.get(name))}
    filled = {name for row in flat_rows for name, value in row.items() if value is not None}
    columns = [path for name in names for path in paths[name] or [name]]
    in_order = sorted(columns)

    def is_object(path: str) -> bool:
        inner = f"{path}."
        following = bisect_left(in_order, inner)
        return path in objects or (following < len(in_order) and in_order[following].startswith(inner))

    return flat_rows, [path for path in columns if path in filled or not is_object(path)]


def _members(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values in an object that aren't objects, each with its dotted path."""
    if isinstance(value, Mapping):
        for name, member in cast("Mapping[object, Any]", value).items():
            yield from _members(f"{path}.{name}", member)
    else:
        yield path, value


def _is_object(declared: Any) -> bool:
    return any(get_origin(argument) is dict for argument in (declared, *get_args(declared)))


_LIBRARIES = {"pandas": "pandas", "polars": "polars", "arrow": "pyarrow"}


def load_library(extra: str) -> Any:
    """Return the library of an extra. Calls that send requests load it first.

    Raises:
        ImportError: If it isn't installed. The message names the extra.
    """
    library = _LIBRARIES[extra]
    try:
        return import_module(library)
    except ImportError as error:
        message = f"to_{extra}() needs {library}: pip install 'fibonacci-sdk[{extra}]'"
        raise ImportError(message) from error


# Nullable types: with numpy's own, a missing value would turn integers into floats and booleans into objects.
_PANDAS_TYPES = {
    "boolean": "boolean",
    "integer": "Int64",
    "number": "Float64",
    "text": "string",
    "time": "datetime64[us, UTC]",
}


def pandas_frame(
    rows: Sequence[Row], declared: Mapping[str, Any], *, flatten: bool, index: pandas.Index[Any] | None = None
) -> pandas.DataFrame:
    """Return a data frame with a row for each object, and an index of the same length.

    See `columns_of` for the arguments.

    Nested values, and values that have no type in common, are objects.
    """
    load_library("pandas")
    import pandas

    def series(column: Column) -> pandas.Series[Any]:
        if isinstance(column.kind, str) and column.kind in _PANDAS_TYPES:
            return pandas.Series(column.typed().values, dtype=_PANDAS_TYPES[column.kind])
        return pandas.Series(column.values, dtype="object")

    columns = columns_of(rows, declared, flatten=flatten)
    frame = pandas.DataFrame({column.name: series(column) for column in columns}, index=pandas.RangeIndex(len(rows)))
    return frame if index is None else frame.set_axis(index)


def polars_frame(rows: Sequence[Row], declared: Mapping[str, Any], *, flatten: bool) -> polars.DataFrame:
    """Return a data frame with a row for each object.

    See `columns_of` for the arguments.

    Nested values are structs and lists if they all have the same shape, otherwise JSON as text.
    """
    load_library("polars")
    import polars

    types: dict[str, PolarsDataType] = {
        "boolean": polars.Boolean(),
        "integer": polars.Int64(),
        "number": polars.Float64(),
        "text": polars.String(),
        "time": polars.Datetime("us", "UTC"),
        "null": polars.Null(),
    }
    columns = [column.typed() for column in columns_of(rows, declared, flatten=flatten)]
    return polars.DataFrame(
        [
            polars.Series(column.name, column.values, dtype=_type_of(column.kind, types, polars.List, polars.Struct))
            for column in columns
        ]
    )


def arrow_table(rows: Sequence[Row], declared: Mapping[str, Any], *, flatten: bool) -> Any:
    """Return a table with a row for each object.

    See `columns_of` for the arguments.

    Nested values are structs and lists if they all have the same shape, otherwise JSON as text.
    """
    pyarrow = load_library("arrow")

    types: dict[str, Any] = {
        "boolean": pyarrow.bool_(),
        "integer": pyarrow.int64(),
        "number": pyarrow.float64(),
        "text": pyarrow.string(),
        "time": pyarrow.timestamp("us", tz="UTC"),
        "null": pyarrow.null(),
    }

    columns = [column.typed() for column in columns_of(rows, declared, flatten=flatten)]
    arrays = [
        pyarrow.array(column.values, type=_type_of(column.kind, types, pyarrow.list_, pyarrow.struct))
        for column in columns
    ]
    return pyarrow.table(arrays, names=[column.name for column in columns])


def _type_of(
    kind: Kind, types: Mapping[str, Any], list_of: Callable[[Any], Any], struct_of: Callable[[dict[str, Any]], Any]
) -> Any:
    """Return the type that a library has for a kind."""
    if isinstance(kind, ListOf):
        return list_of(_type_of(kind.item, types, list_of, struct_of))
    if isinstance(kind, Struct):
        return struct_of({name: _type_of(field, types, list_of, struct_of) for name, field in kind.fields.items()})
    return types[kind]
