"""A lock on a file that one process holds, and that the system takes away from a process however it ends."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final
from weakref import WeakSet

from fibonacci._file_locks import lock_file

LOCK_SUFFIX: Final = "-lock"
"""What the name of a journal's lock has after that of the journal. The file stays when the run has ended."""


class FileLock:
    """A lock on a file, which stays when the lock is released: removing it would let two processes hold one each.

    Args:
        path: The file, created if it is missing. While the lock is held, it has the id of the process.

    Raises:
        BlockingIOError: If another holds the lock; its text is the id of that process, or empty.
        OSError: If the file cannot be opened or locked.
    """

    def __init__(self, path: str) -> None:
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock_file(self._file)
        except (BlockingIOError, PermissionError) as error:  # the second on Windows
            os.lseek(self._file, 0, os.SEEK_SET)
            holder = os.read(self._file, 20).decode("ascii", "replace").strip()
            self._close()
            raise BlockingIOError(holder) from error
        except BaseException:
            self._close()
            raise
        with suppress(OSError):  # it is for messages alone: a full disk does not matter here
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, str(os.getpid()).encode("ascii"))
        _held.add(self)

    def release(self) -> None:
        """Release the lock. A second call does nothing."""
        self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


_held: WeakSet[FileLock] = WeakSet()


def _close_in_fork() -> None:
    """Close the locks of the parent, which keeps them; the child's copies would hold them beyond the parent's end."""
    for lock in list(_held):
        lock.release()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_close_in_fork)
