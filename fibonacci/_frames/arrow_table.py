"""Columns as a table of pyarrow, which comes with the extra `arrow`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fibonacci._frames.columns import Kind, ListOf, Row, Struct, columns_of

try:
    pyarrow: Any = import_module("pyarrow")  # it has no types
except ImportError as error:
    raise ImportError("to_arrow() needs pyarrow: pip install 'fibonacci-sdk[arrow]'") from error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TYPES: dict[str, Any] = {
    "boolean": pyarrow.bool_(),
    "integer": pyarrow.int64(),
    "number": pyarrow.float64(),
    "text": pyarrow.string(),
    "time": pyarrow.timestamp("us", tz="UTC"),
    "null": pyarrow.null(),
}


def arrow_table(rows: Sequence[Row], declared: Mapping[str, Any], *, flatten: bool) -> Any:
    """Return a table with a row for each object; see `columns_of` for the arguments.

    Nested values are structs and lists where all have the same shape; else they are JSON texts.
    """
    columns = [column.typed() for column in columns_of(rows, declared, flatten=flatten)]
    arrays = [pyarrow.array(column.values, type=_type(column.kind)) for column in columns]
    return pyarrow.table(arrays, names=[column.name for column in columns])


def _type(kind: Kind) -> Any:
    if isinstance(kind, ListOf):
        return pyarrow.list_(_type(kind.item))
    if isinstance(kind, Struct):
        return pyarrow.struct({name: _type(each) for name, each in kind.fields.items()})
    return _TYPES[kind]
