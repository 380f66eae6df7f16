"""The version of the state's records, in files and in snapshots."""

from __future__ import annotations

from typing import Final

from fibonacci.emulator.state.errors import StateError

SCHEMA: Final = 1
"""The version that is written."""

SNAPSHOT_FORMAT: Final = "fibonacci emulator"


def check_schema(schema: int, what: str) -> None:
    """Refuse a state that a newer version of this package wrote.

    Raises:
        StateError: If it is newer; the message names the remedy.
    """
    if schema > SCHEMA:
        raise StateError(
            f"{what} was written by a newer fibonacci-sdk (schema {schema}; this one knows up to {SCHEMA}): upgrade it"
        )
