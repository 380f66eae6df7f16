"""That one run alone has a journal, beyond what its lock can tell, and that what it has written is marked."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from secrets import token_hex

from fibonacci._batch.journal_errors import journal_error, mark_error
from fibonacci._batch.journal_mark import JournalMark
from fibonacci._batch.journal_schema import JournalHeader, has_header, write_header
from fibonacci._batch.locks import FileLock


class JournalOwner:
    """A run that has a journal. Each journal has the name of the run that opened it last.

    Args:
        path: Its path.
        lock: The lock that keeps other runs away, with the mark of the last commit.
        header: What the journal belongs to.
        mark: The mark of the last commit.

    Attributes:
        real_path: The path from the root, without symbolic links, whatever the working directory becomes.
        mark: The mark of the last commit.
    """

    def __init__(self, path: str, lock: FileLock, header: JournalHeader, mark: JournalMark) -> None:
        self.real_path: str = os.path.realpath(path)
        self.mark: JournalMark = mark
        self._path = path
        self._place = Path(self.real_path)
        self._file = _identity(self._place)
        self._lock = lock
        self._header = header
        self._name = token_hex(8)

    def check(self, connection: sqlite3.Connection) -> None:
        """Check, in a transaction, that what is written goes to the file at the path, and that no other run has it.

        Raises:
            JournalError: If not.
        """
        if _identity(self._place) != self._file:
            reason = (
                "was removed or replaced while rows ran: put the file back; with a new path, rows that have run are"
            )
            raise journal_error(self._path, f"{reason} run again")
        if not has_header(connection, self._header, self.mark):
            reason = (
                "was opened by another run, although this one has it: name it by one path, and leave its -lock file"
            )
            raise journal_error(self._path, f"{reason} in its place. When that run has ended, the same call continues")

    def count(self, connection: sqlite3.Connection, rows: int, added: int) -> JournalMark:
        """Write the mark of a transaction into it; return it.

        Args:
            connection: The database.
            rows: How many rows the journal has now.
            added: What their checksums are more than before.
        """
        mark = self.mark._replace(
            run=self._name, commits=self.mark.commits + 1, rows=rows, total=self.mark.total + added
        )
        write_header(connection, self._header, mark)
        return mark

    def note(self, mark: JournalMark) -> None:
        """Note the mark of a commit beside the database, from which the commit can be lost.

        Raises:
            JournalError: If it cannot be noted.
        """
        self.mark = mark
        try:
            self._lock.write_note(mark.to_bytes())
        except OSError as error:
            raise mark_error(self._path, error) from error

    def release(self) -> None:
        """Let other runs have the journal."""
        self._lock.release()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at a path from others; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
