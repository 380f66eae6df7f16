"""The run that has a journal in a file: that it alone has it, how others see it, and how they request that it stops.

A request to stop is a file that has the name of the run in its own. So it says the same to every user who can read the
folder, is whole from the moment that it is there, and means nothing to a later run.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple, Protocol

from fibonacci._batch.journal_errors import journal_error, mark_error, system_error
from fibonacci._batch.journal_schema import JournalMark, read_mark, write_mark
from fibonacci._batch.locks import LOCK_SUFFIX, FileLock, is_held, read_holder, read_note
from fibonacci._files import open_state


class StopRequest:
    """The request that a run starts no further row, which may have been made or not.

    Args:
        journal: The path of the journal, without symbolic links.
        run: The name of the run.
    """

    def __init__(self, journal: str, run: str) -> None:
        self._path = Path(f"{journal}-stop-{run}")

    @property
    def is_made(self) -> bool:
        """Whether it was made."""
        try:
            return stat.S_ISREG(self._path.lstat().st_mode)
        except OSError:
            return False

    def make(self) -> None:
        """Make it, from any process.

        Raises:
            OSError: If it cannot be written.
        """
        if not self.is_made:
            os.close(open_state(self._path, os.O_WRONLY | os.O_CREAT))

    def forget(self) -> None:
        """Remove it when the run has ended, if it was made."""
        with suppress(OSError):  # another user's, in a folder such as /tmp: no run has this name again
            self._path.unlink()


class JournalHolder(NamedTuple):
    """A run that has a journal.

    Attributes:
        run: The name of the run, which no other has; empty while it opens the journal.
        process: Its process, for messages.
    """

    run: str
    process: str


class HeldJournal(Protocol):
    """A journal that a run may have. What it says is true at the moment of the call."""

    def holder(self) -> JournalHolder | None:
        """Return the run that has the journal; None if none has.

        Raises:
            JournalError: If there is no journal, or it cannot be read.
        """
        ...

    def stop(self) -> JournalHolder | None:
        """Request that the run that has the journal starts no further row; a later run is not concerned.

        Returns:
            That run; None if none has the journal.

        Raises:
            JournalError: If there is no journal, or the request cannot be written.
        """
        ...


class HeldFile:
    """A journal in a file.

    Args:
        path: Its path.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._real_path = os.path.realpath(path)

    def holder(self) -> JournalHolder | None:
        lock = Path(f"{self._real_path}{LOCK_SUFFIX}")
        try:
            Path(self._real_path).stat()
            if not is_held(lock):
                return None
            mark, process = JournalMark.read(read_note(lock)), read_holder(lock)
        except FileNotFoundError as error:
            raise journal_error(self._path, "is not there: check its path") from error
        except OSError as error:
            raise system_error(self._path, error) from error
        run = "" if mark is None or mark.run == JournalMark.new().run else mark.run
        return JournalHolder(run, f"process {process}")

    def stop(self) -> JournalHolder | None:
        holder = self.holder()
        if holder is not None and holder.run:
            try:
                StopRequest(self._real_path, holder.run).make()
            except OSError as error:
                raise system_error(self._path, error) from error
        return holder


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
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
