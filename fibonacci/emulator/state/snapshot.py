"""Reading snapshots, which checks everything before it replaces any of the state, and errors about states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from pydantic import TypeAdapter, ValidationError

from fibonacci.definitions.json_types import is_array, is_object, place_of
from fibonacci.emulator.state.json_encoding import SURROGATE, JSONObject, parse_json, to_json, unicode_fault


class StateError(ValueError):
    """A file or a snapshot isn't an emulator's state, is from a newer version, or can't be used.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> try:
        ...     Emulator().restore(b"something else")
        ... except StateError as error:
        ...     print("nothing was changed")
        nothing was changed
    """


class SnapshotError(StateError):
    """A snapshot is malformed or of a newer version: nothing was changed."""


class StateFullError(StateError):
    """The disk of the file is full: nothing was changed. What is stored can be read."""


class StateLockedError(StateError):
    """Another process has locked the file for longer than the busy timeout: nothing was changed."""


class StateReadOnlyError(StateError):
    """The file can be read and not written: nothing was changed."""


SCHEMA: Final = 1
"""The version of the snapshots that are written."""

SNAPSHOT_FORMAT: Final = "fibonacci emulator"


def check_schema(schema: int, newest: int, what: str) -> None:
    """Refuse a state that a newer version of this package wrote.

    Raises:
        StateError: If it is newer. The message names the remedy.
    """
    if schema > newest:
        raise StateError(
            f"{what} was written by a newer fibonacci-sdk (schema {schema}, but this version reads up to {newest}): "
            "upgrade fibonacci-sdk"
        )


SECRET: Final = "<secret:"
"""How the placeholder for a secret in a stored text begins."""

Key = tuple[str, ...]
Tables = dict[str, list[tuple[Key, Any]]]
"""The records of each table with their keys, in order."""


class Kind(Protocol):
    """A kind of record: the type of the records, and the names of the parts of their keys."""

    @property
    def record(self) -> Any:
        """The type of the records."""
        ...

    @property
    def key(self) -> Key:
        """The names of the parts of the keys. One that a record has too has the name of the field."""
        ...


_NO_SNAPSHOT: Final = "this is not a snapshot of an emulator"


def read_snapshot(snapshot: bytes, kinds: Mapping[str, Kind], put_back: Callable[[Any], Any]) -> Tables:
    """Return the tables of a snapshot, whose records are of the types of their tables.

    Args:
        snapshot: The snapshot.
        kinds: The tables that a snapshot may have.
        put_back: Returns JSON with the values of secrets.

    Raises:
        SnapshotError: If it is not a snapshot, is malformed, or is from a newer version. The message names the place.
    """
    content = _parsed(snapshot)
    if not is_object(content) or content.get("format") != SNAPSHOT_FORMAT:
        raise SnapshotError(_NO_SNAPSHOT)
    schema = content.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise malformed("schema", "is not a version")
    try:
        check_schema(schema, SCHEMA, "the snapshot")
    except StateError as error:
        raise SnapshotError(str(error)) from None
    tables = content.get("tables")
    if not is_object(tables):
        raise malformed("tables", "is not an object")
    for name in tables:
        if name not in kinds:
            raise SnapshotError(f"the snapshot has a table {name!r}, which this version does not know")
    if SURROGATE.encode() in snapshot.lower() and (fault := unicode_fault(tables, "tables")) is not None:
        raise malformed(*fault)
    return {name: _rows(name, kinds[name], rows, put_back) for name, rows in tables.items()}


def malformed(place: str, message: str) -> SnapshotError:
    """Return the error for a snapshot that is malformed at a place."""
    return SnapshotError(f"the snapshot is malformed: {place} {message}")


def _parsed(snapshot: bytes) -> Any:
    try:
        content = parse_json(snapshot)
        to_json(content)  # what can be read can be deeper than what can be written
        return content
    except (ValueError, TypeError, RecursionError) as error:
        raise SnapshotError(f"{_NO_SNAPSHOT}: {error}") from error


def _rows(name: str, kind: Kind, rows: object, put_back: Callable[[Any], Any]) -> list[tuple[Key, Any]]:
    if not is_array(rows):
        raise malformed(f"tables.{name}", "is not an array")
    adapter: TypeAdapter[Any] = TypeAdapter(kind.record)
    records: dict[Key, JSONObject] = {}
    for number, row in enumerate(rows):
        place = f"tables.{name}[{number}]"
        if not is_array(row) or len(row) != 2:
            raise malformed(place, "is not a key and a record")
        key, record = put_back(row)
        if not is_array(key) or not all(isinstance(part, str) for part in key):
            raise malformed(f"{place}[0]", "is not a key (an array of strings)")
        if len(key) != len(kind.key):
            raise malformed(f"{place}[0]", f"is not a key of {name}")
        if not is_object(record):
            raise malformed(f"{place}[1]", "is not a record (an object)")
        try:
            adapter.validate_python(record, strict=True)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise malformed(place_of((f"{place}[1]", *fault["loc"])), f"is not valid: {fault['msg']}") from None
        for part, field in zip(key, kind.key, strict=True):
            # A secret that is part of a key may be hidden in the record alone, as a file has it.
            if field in record and str(record[field]) != part and SECRET not in str(record[field]):
                raise malformed(f"{place}[0]", f"has another {field} than its record")
        records[tuple(key)] = dict(record)
    return list(records.items())
