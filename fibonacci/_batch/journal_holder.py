"""The run that has a journal in a file, as seen by another process, which can request that it stops.

Its name has the name of the run. So it says the same to every user who can read the folder, is whole from the moment
that it is there, and means nothing to a later run.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from fibonacci._batch.journal_errors import journal_error, system_error
from fibonacci._batch.journal_schema import JournalMark
from fibonacci._batch.locks import LOCK_SUFFIX, is_held, read_holder, read_note
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
