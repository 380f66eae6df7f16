"""Files on a disk that others use too: whose they may be, how they are written, and locks on them.

There are two kinds of paths:

- The user chose the path. Then whatever is there is intended, even a link, a FIFO or a device, as long as it belongs to
  the user or to root.
- The package derived the path from such a path, for a lock, a mark or an unfinished file. That is state. It must be a
  regular file of this user and never a link, because no user has looked at it.

Errors are `OSError`, with the text in `strerror`. Windows has other owners and modes, which are left to it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shlex
import stat
import sys
import time
from pathlib import Path
from typing import BinaryIO

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
        OSError: If it can't be locked.
    """
    for left in reversed(range(tries)):
        try:
            return lock_file(file)
        except (BlockingIOError, PermissionError) as error:  # the second on Windows
            if not left:
                raise BlockingIOError(*error.args) from error
        time.sleep(_PAUSE)
    return None


Location = str | os.PathLike[str]

# O_NONBLOCK: a FIFO in the place of a state would keep the caller waiting for its other end.
_STATE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_PRIVATE = 0o600
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
_MOST_LINKS = 40  # as Linux


def open_state(path: Location, flags: int, *, is_private: bool = True) -> int:
    """Open a file that the package has named itself, and create it for this user alone.

    Args:
        path: The file.
        flags: The flags of `os.open`, without `O_TRUNC`, because a file is checked before it is changed.
        is_private: Whether others must not write to it. In a project's folder that is up to the project.

    Returns:
        The descriptor.

    Raises:
        OSError: If it can't be opened, is a link or no regular file, or another user's, or others may write to it.
    """
    try:
        descriptor = os.open(path, flags | _STATE, _PRIVATE)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK, errno.ENXIO):  # the second on BSD, the third for a FIFO
            raise
        check_state(path)
        raise
    try:
        _check(path, os.fstat(descriptor), is_private=is_private)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_state(path: Location) -> None:
    """Check a file that the package has named itself and another library opens, if it exists.

    Raises:
        OSError: If it is a link or no regular file, or another user's, or others may write to it.
    """
    with contextlib.suppress(FileNotFoundError):
        _check(path, os.lstat(path))


def read_private(path: Location, *, is_secret: bool = False) -> bytes:
    """Return the content of a file that decides where secrets go, following a link of the user or of root.

    Args:
        path: The file.
        is_secret: Whether it is a secret itself, so that others must not read it. A file of root may be readable,
            because in a container a secret is such a file, and its mode can't be changed.

    Raises:
        OSError: If it can't be read, is not a regular file, or another user's, or others may write to it, or must not
            read it.
    """
    descriptor = os.open(follow(path), os.O_RDONLY | _STATE)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _check(path, status)
        mode = stat.S_IMODE(status.st_mode)
        if is_secret and sys.platform != "win32" and status.st_uid != 0 and mode & _OTHERS_READ:
            text = f"may be read by other users (mode {mode:03o}): run `chmod go= {shlex.quote(os.fspath(path))}`"
            raise OSError(errno.EACCES, text, os.fspath(path))
        return file.read()


def make_private(path: Location) -> None:
    """Create an empty file for this user alone at a path that the user has chosen, unless there is one.

    Raises:
        OSError: If it can't be created, is not a regular file, or another user's, or others may write to it.
    """
    place = follow(path)
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _STATE, _PRIVATE)
    except FileExistsError:
        _check(path, os.lstat(place))
    else:
        os.close(descriptor)


def check_database(path: Location) -> None:
    """Check the files of a SQLite database, which SQLite itself opens, at a path that the user has chosen.

    Raises:
        OSError: If one is another user's, if others may write to it, or if one next to the database is a link.
    """
    place = follow(path)
    for suffix in ("", "-wal", "-shm", "-journal"):
        check_state(f"{place}{suffix}")


def follow(path: Location) -> Path:
    """Return where the links at the end of a path lead that the user has chosen.

    Raises:
        OSError: If one is another user's, or they lead nowhere.
    """
    place = Path(path)
    for _ in range(_MOST_LINKS):
        try:
            status = place.lstat()
        except FileNotFoundError:
            return place
        if not stat.S_ISLNK(status.st_mode):
            return place
        _check_owner(path, status, place.parent, "is a symbolic link that belongs to another user")
        place = place.parent / place.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))


def check_inside(path: Location) -> None:
    """Refuse a file of a folder that others may have filled, such as a clone, where it is a link to something else.

    Raises:
        OSError: If it is a link that leads out of its folder, to a hidden file, or to one with another suffix. Also if
            it isn't a file, but a FIFO or a device.
    """
    file = Path(path)
    if not file.is_symlink():
        if file.exists() and not file.is_file() and not file.is_dir():
            raise OSError(errno.EACCES, "is not a regular file", os.fspath(path))
        return
    real = Path(os.path.realpath(file))
    folder = Path(os.path.realpath(file.parent))
    is_inside = real.is_relative_to(folder)
    if not is_inside or any(part.startswith(".") for part in real.relative_to(folder).parts):
        raise OSError(errno.EACCES, "is a symbolic link that points outside its folder", os.fspath(path))
    if real.suffix.lower() != file.suffix.lower():
        raise OSError(errno.EACCES, f"is a symbolic link to {real.name!r}, which has another suffix", os.fspath(path))


def is_stream(path: Location) -> bool:
    """Whether what is at a path is written to as it is: a FIFO, a device, or a standard stream of this process.

    Raises:
        OSError: If the file, or a link that leads to it, is another user's.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return False
    if _is_standard_stream(status):
        return True
    place = follow(path)
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        return False
    _check_owner(path, status, place.parent)
    return True


def open_stream(path: Location) -> int:
    """Open what `is_stream` says is one.

    Raises:
        OSError: If it can't be opened, or a regular file has taken its place.
    """
    descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and not _is_standard_stream(status):
        os.close(descriptor)
        raise OSError(errno.EACCES, "was replaced by a regular file", os.fspath(path))
    return descriptor


def check_replaceable(path: Location, *, is_state: bool = False) -> Path:
    """Return the file that is written in place of a path: where the links lead that the user has chosen.

    Raises:
        OSError: If a link or the existing file is another user's, or the file isn't a regular file. For a state, also
            if it is a link.
    """
    place = Path(path) if is_state else follow(path)
    with contextlib.suppress(FileNotFoundError):
        _check(path, place.lstat(), is_private=False)
    return place


def write_file(
    path: Location, content: str | bytes, *, mode: int | None = None, created: int = 0o666, is_state: bool = False
) -> None:
    """Write bytes, or text in UTF-8, to a file, so that a reader sees the old content or the new, never a part.

    The content goes to a temporary file next to it, which then takes its place. An existing file keeps its permissions,
    and a symbolic link remains one. Anything but a regular file, such as `/dev/stdout`, is written to directly.

    Args:
        path: The file.
        content: The text, whose line breaks are written as they are, or the bytes.
        mode: The permissions of the file, such as 0o600, whatever they were before. None for the present or default
            ones.
        created: The permissions of a new file, of which the process takes some away (its umask).
        is_state: Whether the package has named the file itself, so that it is never a link.

    Raises:
        OSError: If the file can't be written, or is another user's. Then it is unchanged.
    """
    encoded = content.encode("utf-8") if isinstance(content, str) else content
    try:
        _write(path, encoded, mode, created, is_state=is_state)
    except OSError as error:
        if error.errno is not None:  # one without a number has only its text, which a name would hide
            error.filename = os.fspath(path)  # a full disk names none, and the caller knows no temporary file
        raise


def _write(path: Location, encoded: bytes, mode: int | None, created: int, *, is_state: bool) -> None:
    if not is_state and is_stream(path):
        with os.fdopen(open_stream(path), "wb") as stream:
            stream.write(encoded)
        return
    target = check_replaceable(path, is_state=is_state)
    # Created for the owner alone: the content of a private file is at no time readable by others.
    is_private = mode is not None or target.exists()
    temporary = target.parent / f".fibonacci-{secrets.token_hex(8)}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _STATE, _PRIVATE if is_private else created)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encoded)
            finish(file, target, mode=mode)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise


def finish(file: BinaryIO, target: Path, *, mode: int | None = None) -> None:
    """Give a file the permissions of the one that it is going to replace, and wait until it is on the disk.

    Args:
        file: The file, which has its content.
        target: The file to replace, which may be missing.
        mode: The permissions. None for those of the file to replace.

    Raises:
        OSError: If it can't be written.
    """
    file.flush()
    if sys.platform != "win32":
        with contextlib.suppress(FileNotFoundError):
            replaced = target.stat()
            mode = stat.S_IMODE(replaced.st_mode) if mode is None else mode
            if os.geteuid() == 0:  # the file still belongs to its owner
                os.fchown(file.fileno(), replaced.st_uid, replaced.st_gid)
        if mode is not None:
            os.fchmod(file.fileno(), mode)
    os.fsync(file.fileno())


def _check(path: Location, status: os.stat_result, *, is_private: bool = True) -> None:
    """Check what the package is going to read or write as a file.

    Raises:
        OSError: If it isn't a regular file, or is another user's. If it is private, also if others may write to it.
    """
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "is a symbolic link, and must be a file: remove it", os.fspath(path))
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EACCES, "is not a regular file: remove it", os.fspath(path))
    _check_owner(path, status, Path(path).parent)
    if is_private and sys.platform != "win32" and status.st_mode & stat.S_IWOTH:
        mode = stat.S_IMODE(status.st_mode)
        text = f"may be written by other users (mode {mode:03o}): run `chmod o-w {shlex.quote(os.fspath(path))}`"
        raise OSError(errno.EACCES, text, os.fspath(path))


def _check_owner(path: Location, status: os.stat_result, folder: Path, fault: str = "belongs to another user") -> None:
    """Check that a file belongs to this user or to root. For root, the folder's owner will do, as in a container.

    Raises:
        OSError: If it is another user's.
    """
    if sys.platform == "win32" or status.st_uid in (os.geteuid(), 0):
        return
    if os.geteuid() == 0:
        around = folder.stat()
        if around.st_uid == status.st_uid and not around.st_mode & _OTHERS_WRITE:
            return
    raise OSError(errno.EACCES, f"{fault} (user id {status.st_uid})", os.fspath(path))


def _is_standard_stream(status: os.stat_result) -> bool:
    """Whether it is what this process was given to write to, such as a pipe of the user who ran `sudo`."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(status, os.fstat(descriptor)):
                return True
    return False
