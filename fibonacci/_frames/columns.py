"""From a list of objects to columns: their names in order, the kind of each, and its values."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, NamedTuple, cast, get_args, get_origin

from fibonacci._frames.kinds import Kind, common_kind, declared_kind, fitted, is_uniform, kind_of
from fibonacci._times import parse_time

Row = Mapping[str, Any]


class Column(NamedTuple):
    """One column: the values of a field of all objects, None where an object does not have it."""

    name: str
    kind: Kind
    values: list[Any]

    def typed(self) -> Column:
        """Return the column with values that are all of its kind: JSON texts when they have none in common."""
        if is_uniform(self.kind):
            return self._replace(values=[fitted(value, self.kind) for value in self.values])
        return self._replace(kind="text", values=[None if value is None else _json(value) for value in self.values])


def columns_of(rows: Sequence[Row], declared: Mapping[str, Any], *, flatten: bool) -> list[Column]:
    """Return the columns of a list: the documented fields, then the others in the order in which they occur.

    Args:
        rows: The fields of each object.
        declared: The types of the documented fields, which are columns even when the list is empty.
        flatten: Whether the fields of nested objects are columns of their own, named by dotted paths.
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
        kind = "mixed"  # values may come later, of any kind
    return Column(name, kind, values)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


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
    """Return the rows with the members of nested objects in their place, and the names of the columns."""
    flat_rows: list[dict[str, Any]] = [{} for _ in rows]
    paths: dict[str, dict[str, None]] = {name: {} for name in names}
    for row, flat_row in zip(rows, flat_rows, strict=True):
        for name, value in row.items():
            members = dict(_members(name, value))
            flat_row.update(members)
            paths[name].update(dict.fromkeys(members))
    objects = {name for name in names if _is_object(declared.get(name))}
    filled = {name for row in flat_rows for name, value in row.items() if value is not None}
    found = [path for name in names for path in paths[name] or [name]]
    in_order = sorted(found)

    def is_object(path: str) -> bool:
        inner = f"{path}."
        following = bisect_left(in_order, inner)
        return path in objects or (following < len(in_order) and in_order[following].startswith(inner))

    return flat_rows, [path for path in found if path in filled or not is_object(path)]


def _members(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values in an object that are no objects, each with its dotted path."""
    if isinstance(value, Mapping):
        for name, member in cast("Mapping[object, Any]", value).items():
            yield from _members(f"{path}.{name}", member)
    else:
        yield path, value


def _is_object(declared: Any) -> bool:
    return any(get_origin(each) is dict for each in (declared, *get_args(declared)))
