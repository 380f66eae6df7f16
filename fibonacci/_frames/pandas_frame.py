"""Columns as a data frame of pandas, which comes with the extra `pandas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fibonacci._frames.columns import Column, Row, columns_of

try:
    import pandas
except ImportError as error:
    raise ImportError("to_pandas() needs pandas: pip install 'fibonacci-sdk[pandas]'") from error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

# Types in which a value may be missing: with numpy's own, integers would become floats and booleans objects.
_TYPES = {
    "boolean": "boolean",
    "integer": "Int64",
    "number": "Float64",
    "text": "string",
    "time": "datetime64[us, UTC]",
}


def pandas_frame(rows: Sequence[Row], declared: Mapping[str, Any], *, flatten: bool) -> pandas.DataFrame:
    """Return a data frame with a row for each object; see `columns_of` for the arguments.

    Nested values, and values that have no type in common, are objects.
    """
    columns = columns_of(rows, declared, flatten=flatten)
    return pandas.DataFrame({column.name: _series(column) for column in columns}, index=pandas.RangeIndex(len(rows)))


def _series(column: Column) -> pandas.Series[Any]:
    if isinstance(column.kind, str) and column.kind in _TYPES:
        return pandas.Series(column.typed().values, dtype=_TYPES[column.kind])
    return pandas.Series(column.values, dtype="object")
