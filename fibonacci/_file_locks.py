"""Locks on files, which the system takes away from a process however it ends."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    def lock_file(file: int) -> None:
        """Lock an open file.

        Raises:
            OSError: If another holds the lock.
        """
        os.lseek(file, 1 << 30, os.SEEK_SET)  # past the content, which a locked region would hide from readers
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def is_locked(file: int) -> bool:
        """Whether another holds the lock on an open file."""
        try:
            lock_file(file)
        except PermissionError:
            return True
        os.lseek(file, 1 << 30, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
        return False
else:
    import fcntl

    def lock_file(file: int) -> None:
        """Lock an open file.

        Raises:
            OSError: If another holds the lock.
        """
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_locked(file: int) -> bool:
        """Whether another holds the lock on an open file."""
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
        return False
