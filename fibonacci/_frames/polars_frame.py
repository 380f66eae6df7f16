"""Columns as a data frame of polars, which comes with the extra `polars`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fibonacci._frames.columns import Column, Kind, ListOf, Row, Struct, columns_of

try:
    import polars
except ImportError as error:
    raise ImportError("to_polars() needs polars: pip install 'fibonacci-sdk[polars]'") from error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from polars._typing import PolarsDataType

_TYPES: dict[str, PolarsDataType] = {
    "boolean": polars.Boolean(),
    "integer": polars.Int64(),
    "number": polars.Float64(),
    "text": polars.String(),
    "time": polars.Datetime("us", "UTC"),
    "null": polars.Null(),
}


def polars_frame(rows: Sequence[Row], declared: Mapping[str, Any], *, flatten: bool) -> polars.DataFrame:
    """Return a data frame with a row for each object; see `columns_of` for the arguments.

    Nested values are structs and lists where all have the same shape; else they are JSON texts.
    """
    return polars.DataFrame([_series(column.typed()) for column in columns_of(rows, declared, flatten=flatten)])


def _series(column: Column) -> polars.Series:
    return polars.Series(column.name, column.values, dtype=_type(column.kind))


def _type(kind: Kind) -> PolarsDataType:
    if isinstance(kind, ListOf):
        return polars.List(_type(kind.item))
    if isinstance(kind, Struct):
        return polars.Struct({name: _type(each) for name, each in kind.fields.items()})
    return _TYPES[kind]
