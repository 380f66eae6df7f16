"""Snapshots: the rows of all tables as JSON, with a checksum, and errors about states."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from fibonacci.emulator.state.schema import SCHEMA


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
    """A snapshot is damaged or of another version: nothing was changed."""


class StateFullError(StateError):
    """The disk of the file is full: nothing was changed. What is stored can be read."""


class StateLockedError(StateError):
    """Another process has locked the file for longer than the busy timeout: nothing was changed."""


class StateReadOnlyError(StateError):
    """The file can be read and not written: nothing was changed."""


def check_schema(schema: int, what: str) -> None:
    """Refuse a state of another version of this package.

    Raises:
        StateError: If it is newer, or older than any that was released. The message names the remedy.
    """
    if schema > SCHEMA:
        raise StateError(
            f"{what} was written by a newer fibonacci-sdk (schema {schema}, but this version reads up to {SCHEMA}): "
            "upgrade fibonacci-sdk"
        )
    if schema < SCHEMA:
        raise StateError(f"{what} was written by a development version of fibonacci-sdk: remove it")


SECRET: Final = "<secret:"
"""How the placeholder for a secret in a stored text begins."""

Key = tuple[str, ...]
Tables = Mapping[str, Sequence[Sequence[object]]]
"""The rows of each table."""

_FORMAT: Final = "fibonacci emulator"


def write_snapshot(tables: Tables) -> bytes:
    """Return tables as a snapshot."""
    content = {"format": _FORMAT, "schema": SCHEMA, "checksum": _checksum(tables), "tables": tables}
    return json.dumps(content).encode("ascii")


def read_snapshot(snapshot: bytes) -> Tables:
    """Return the tables of a snapshot.

    Raises:
        SnapshotError: If it is not a snapshot, was changed since it was written, or is of another version.
    """
    try:
        content = json.loads(snapshot)
        if content["format"] == _FORMAT:
            check_schema(content["schema"], "the snapshot")
        tables: Tables = content["tables"]
        if content["format"] != _FORMAT or content["checksum"] != _checksum(tables):
            raise ValueError("another format, or another checksum")
    except StateError as error:
        raise SnapshotError(str(error)) from None
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        text = "this is not a snapshot of an emulator, or it was changed since it was taken: nothing was changed"
        raise SnapshotError(text) from error
    return tables


def _checksum(tables: Tables) -> str:
    return sha256(json.dumps(tables).encode()).hexdigest()
