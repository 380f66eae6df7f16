"""Locks on files, which the system takes away from a process however it ends."""

from __future__ import annotations

import sys
import time

_PAUSE = 0.01

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


def lock_file_patiently(file: int, tries: int) -> None:
    """Lock an open file as soon as no other holds the lock, which is tried a hundred times a second.

    Raises:
        BlockingIOError: If another holds it each time.
        OSError: If it cannot be locked.
    """
    for left in reversed(range(tries)):
        try:
            return lock_file(file)
        except (BlockingIOError, PermissionError) as error:  # the second on Windows
            if not left:
                raise BlockingIOError(*error.args) from error
        time.sleep(_PAUSE)
    return None
