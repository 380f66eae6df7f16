"""That one run alone has a journal, beyond what its lock can tell, and that what it has written is marked."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from secrets import token_hex

from fibonacci._batch.journal_errors import journal_error, mark_error
from fibonacci._batch.journal_holder import StopRequest
from fibonacci._batch.journal_schema import JournalMark, read_mark, write_mark
from fibonacci._batch.locks import FileLock


class JournalOwner:
    """A run that has a journal. Each journal has the name of the run that opened it last.

    Args:
        path: Its path.
        lock: The lock that keeps other runs away, with the mark of the last commit.
        mark: The mark of the last commit.

    Attributes:
        real_path: The path from the root, without symbolic links, whatever the working directory becomes.
        mark: The mark of the last commit.
    """

    def __init__(self, path: str, lock: FileLock, mark: JournalMark) -> None:
        self.real_path: str = os.path.realpath(path)
        self.mark: JournalMark = mark
        self._path = path
        self._place = Path(self.real_path)
        self._file = _identity(self._place)
        self._lock = lock
        self._name = token_hex(8)
        self._written = str(mark)
        self._following: JournalMark | None = None  # that of the commit which is under way
        self._stop_request = StopRequest(self.real_path, self._name)
        StopRequest(self.real_path, mark.run).forget()  # of a run that was killed

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether another process has requested that this run stops."""
        return self._stop_request.is_made

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
        written = read_mark(connection)
        if written != self._written and written == str(self._following) and self._following is not None:
            self.mark, self._written = self._following, written  # Ctrl-C came between a commit and its note
        if written != self._written:
            reason = (
                "was opened by another run, although this one has it: name it by one path, and leave its -lock file"
            )
            raise journal_error(self._path, f"{reason} in its place. When that run has ended, the same call continues")

    def commit(self, connection: sqlite3.Connection, rows: int, added: int) -> None:
        """Commit a transaction with its mark, and note that beside the database, from which the commit can be lost.

        Args:
            connection: The database.
            rows: How many rows the journal has now.
            added: What their checksums are more than before.

        Raises:
            JournalError: If it is committed, and cannot be noted.
        """
        before = self.mark
        mark = JournalMark(before.journal, self._name, before.commits + 1, rows, before.total + added)
        text = str(mark)
        write_mark(connection, text)
        self._following = mark
        connection.execute("COMMIT")
        self.mark, self._written = mark, text
        try:
            self._lock.write_note(text)
        except OSError as error:
            raise mark_error(self._path, error) from error

    def release(self) -> None:
        """Let other runs have the journal."""
        self._stop_request.forget()
        self._lock.release()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at a path from others; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
