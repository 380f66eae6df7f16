"""A lock on a file, which ends with the process that holds it, and the kind of file system that it needs."""

from __future__ import annotations

import errno
import os
import re
import sys
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

from fibonacci._system.concurrency import renew_in_children
from fibonacci._system.files import is_locked, lock_file_patiently, open_state

NETWORK_TYPES = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "lustre", "glusterfs", "gpfs"),
        *("beegfs", "ocfs2", "gfs2", "orangefs", "pvfs2", "coda", "davfs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.ceph", "fuse.rclone", "fuse.davfs2"),
        *("fuse.juicefs", "fuse.blobfuse", "fuse.blobfuse2", "fuse.mount-s3", "fuse.cephfs"),
    }
)
"""The names that Linux has for file systems of other machines."""

_MOUNTS = "/proc/self/mountinfo"


def network_filesystem_of(path: str) -> str | None:
    """Return the type of a path's file system if another machine serves it, as far as the system tells, or None."""
    if sys.platform == "win32":
        return "UNC path" if os.path.realpath(path).startswith("\\\\") else None
    try:
        mounts = Path(_MOUNTS).read_text("utf-8", "surrogateescape")
    except OSError:  # not Linux
        return None
    kind = filesystem_in(mounts, os.path.realpath(path))
    return kind if kind in NETWORK_TYPES else None


def filesystem_in(mounts: str, path: str) -> str | None:
    """Return the type of the file system that an absolute path lies in.

    Args:
        mounts: The text of Linux's `mountinfo`.
        path: The path, without symbolic links.

    Returns:
        The type of the longest mount point that the path is below, the last one mounted there. None if there is none.
    """
    best, kind = -1, None
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        if len(point) >= best and (path == point or path.startswith(point.rstrip("/") + "/")):
            best, kind = len(point), after.split(" ", 1)[0]
    return kind


# The file begins with the id of the process, filled up with spaces. The note of the holder follows.
_HOLDER_BYTES = 20
_MOST_BYTES = 4096

# A reader that checks whether a lock is held takes it for a few microseconds, so a run tries more than once.
_TRIES = 3

LOCK_SUFFIX: Final = "-lock"
"""What the name of a journal's lock has after that of the journal. The file stays when the run has ended."""


class FileLock:
    """A lock on a file, which stays when the lock is released: removing it would let two processes hold one each.

    The file has the ID of the process that holds the lock, and a note that outlives the lock.

    Args:
        path: The file, created if it is missing.

    Raises:
        BlockingIOError: If another process holds the lock. The text is the ID of that process, or empty.
        OSError: If the file can't be opened or locked.
    """

    def __init__(self, path: str) -> None:
        # It closes itself where Ctrl-C keeps the caller from having it: a descriptor would keep the lock.
        self._file: FileIO | None = FileIO(path, "r+", opener=_opened)
        try:
            lock_file_patiently(self._file.fileno(), _TRIES)
            with suppress(OSError):  # it is only for messages, so a full disk doesn't matter here
                _write_at(self._file.fileno(), str(os.getpid()).encode("ascii").ljust(_HOLDER_BYTES), 0)
            renew_in_children(self)
        except BlockingIOError as error:
            self._close()
            raise BlockingIOError(read_holder(Path(path))) from error
        except BaseException:
            self._close()
            raise

    def read_note(self) -> str:
        """Return the note, with replacement characters if it is damaged. Empty if there is none."""
        file = self._open_file()
        os.lseek(file, _HOLDER_BYTES, os.SEEK_SET)
        return _note_in(os.read(file, _MOST_BYTES))

    def write_note(self, note: str, *, is_synced: bool = False) -> None:
        """Replace the note, which a kill of the process leaves whole.

        Args:
            note: The note, in ASCII. All notes of a file have one length.
            is_synced: Whether it has to be on the disk when this returns.

        Raises:
            OSError: If it can't be written.
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
            raise OSError("the lock is no longer held")
        return self._file.fileno()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def read_holder(path: Path) -> str:
    """Return the ID of the process that has locked a file last. Empty if the file doesn't tell.

    Raises:
        OSError: If the file can't be read.
    """
    with path.open("rb") as file:
        holder = file.read(_HOLDER_BYTES).decode("ascii", "replace").strip()
    return holder if holder.isdecimal() else ""


def read_note(path: Path) -> str:
    """Return the note in the file of a lock that another may hold, as its holder reads it.

    Raises:
        OSError: If the file can't be read.
    """
    with path.open("rb") as file:
        file.seek(_HOLDER_BYTES)
        return _note_in(file.read(_MOST_BYTES))


def is_held(path: Path) -> bool:
    """Whether a process holds the lock on a file, which may be missing.

    Raises:
        OSError: If the file can't be opened.
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
