"""A lock on a file that one process holds, and that the system takes away from a process however it ends."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

from fibonacci._file_locks import is_locked, lock_file_patiently
from fibonacci._files import open_state
from fibonacci._forks import renew_in_children

# The file begins with the id of the process, filled up with spaces. The note of the holder follows.
_HOLDER_BYTES = 20
_MOST_BYTES = 4096

# A reader that looks whether a lock is held takes it for some microseconds: that is no run which has the journal.
_TRIES = 3

LOCK_SUFFIX: Final = "-lock"
"""What the name of a journal's lock has after that of the journal. The file stays when the run has ended."""


class FileLock:
    """A lock on a file, which stays when the lock is released: removing it would let two processes hold one each.

    The file has the id of the process that holds the lock, and a note that outlives the lock.

    Args:
        path: The file, created if it is missing.

    Raises:
        BlockingIOError: If another holds the lock; its text is the id of that process, or empty.
        OSError: If the file cannot be opened or locked.
    """

    def __init__(self, path: str) -> None:
        # It closes itself where Ctrl-C keeps the caller from having it: a descriptor would keep the lock.
        self._file: FileIO | None = FileIO(path, "r+", opener=_opened)
        try:
            lock_file_patiently(self._file.fileno(), _TRIES)
            with suppress(OSError):  # it is for messages alone: a full disk does not matter here
                _write_at(self._file.fileno(), str(os.getpid()).encode("ascii").ljust(_HOLDER_BYTES), 0)
            renew_in_children(self)
        except BlockingIOError as error:
            self._close()
            raise BlockingIOError(read_holder(Path(path))) from error
        except BaseException:
            self._close()
            raise

    def read_note(self) -> str:
        """Return the note, with replacement characters if it is damaged; empty if there is none."""
        file = self._open_file()
        os.lseek(file, _HOLDER_BYTES, os.SEEK_SET)
        return _note_in(os.read(file, _MOST_BYTES))

    def write_note(self, note: str, *, is_synced: bool = False) -> None:
        """Replace the note, which a kill of the process leaves whole.

        Args:
            note: The note, in ASCII. All notes of a file have one length.
            is_synced: Whether it has to be on the disk when this returns.

        Raises:
            OSError: If it cannot be written.
        """
        file = self._open_file()
        if _write_at(file, note.encode("ascii"), _HOLDER_BYTES) < len(note):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if is_synced:
            os.fsync(file)

    def release(self) -> None:
        """Release the lock. A second call does nothing."""
        self._close()

    def renew_in_child(self) -> None:
        """Close the copy of the parent's lock, which would hold it beyond the parent's end."""
        self._close()

    def _open_file(self) -> int:
        if self._file is None:
            raise OSError("the lock is not held any more")
        return self._file.fileno()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def read_holder(path: Path) -> str:
    """Return the id of the process that has locked a file last; empty if the file does not tell.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        holder = file.read(_HOLDER_BYTES).decode("ascii", "replace").strip()
    return holder if holder.isdecimal() else ""


def read_note(path: Path) -> str:
    """Return the note in the file of a lock that another may hold, as its holder reads it.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(_HOLDER_BYTES)
        return _note_in(file.read(_MOST_BYTES))


def is_held(path: Path) -> bool:
    """Whether a process holds the lock on a file, which may be missing.

    Raises:
        OSError: If the file cannot be opened.
    """
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return False
    try:
        return is_locked(file)
    finally:
        os.close(file)


def _opened(path: str, flags: int) -> int:
    return open_state(path, os.O_RDWR | os.O_CREAT)


def _note_in(content: bytes) -> str:
    return content.decode("ascii", "replace")


if sys.platform == "win32":

    def _write_at(file: int, content: bytes, place: int) -> int:
        os.lseek(file, place, os.SEEK_SET)
        return os.write(file, content)
else:
    _write_at = os.pwrite
