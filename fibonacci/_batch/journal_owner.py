"""That one run alone has a journal, beyond what its lock can tell: files can be removed, replaced and linked."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from secrets import token_hex
from typing import Final

from fibonacci._batch.journal_errors import journal_error

_TAKE: Final = "INSERT OR REPLACE INTO header VALUES ('run', ?)"
_TAKEN_BY: Final = "SELECT value FROM header WHERE name = 'run'"


class JournalOwner:
    """A run that has a journal. Each journal has the name of the run that opened it last.

    Args:
        connection: The database, in which the run is named.
        path: Its path.

    Attributes:
        real_path: The path from the root, without symbolic links, whatever the working directory becomes.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self.real_path: str = os.path.realpath(path)
        self._path = path
        self._file = _identity(self.real_path)
        self._name = token_hex(8)
        connection.execute(_TAKE, (self._name,))

    def check(self, connection: sqlite3.Connection) -> None:
        """Check, in a transaction, that what is written goes to the file at the path, and that no other run has it.

        Raises:
            JournalError: If not.
        """
        if _identity(self.real_path) != self._file:
            reason = (
                "was removed or replaced while rows ran: put the file back; with a new path, rows that have run are"
            )
            raise journal_error(self._path, f"{reason} run again")
        if connection.execute(_TAKEN_BY).fetchone() != (self._name,):
            reason = (
                "was opened by another run, although this one has it: name it by one path, and leave its -lock file"
            )
            raise journal_error(self._path, f"{reason} in its place. When that run has ended, the same call continues")


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells the file at a path from others; None if there is none."""
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
