"""The file of a SQLite state: opening it, noticing that it is gone, and what an error of SQLite means."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from fibonacci._files import check_database, make_private
from fibonacci.emulator.state.errors import StateError, StateFullError, StateLockedError, StateReadOnlyError
from fibonacci.emulator.state.sqlite_schema import check, number_of, prepare

_FULL: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_DIR_FSYNC,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    }
)
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_UNWRITABLE: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_HEADER: Final = 100  # bytes: the page size is in those from 16 on, and the number of pages in those from 28 on
# A run changes some ten pages, which are written whole; many are the same as those of the run before, so that a longer
# log is copied to the file in fewer writes. Of the time of a run, the first saves 5 %, the second 6 %, compared to
# SQLite's own 4096 and 1000:
_PAGE: Final = 2048
_PAGES_IN_LOG: Final = 4000
_PRIMARY: Final = 0xFF  # the primary code of an extended one


class StateFile:
    """An open file.

    Args:
        path: The file, created if it does not exist.
        busy_timeout: Seconds to wait for another process that is writing.

    Attributes:
        connection: The connection to it.
        is_read_only: Whether it can only be read.

    Raises:
        StateError: If it cannot be opened, is not an emulator's, or was written by a newer version.
    """

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self._path = path
        self.connection: sqlite3.Connection
        self.is_read_only: bool
        self.connection, self.is_read_only = _open(path, busy_timeout)
        self._log = None if self.is_read_only else Path(f"{path}-wal")
        try:
            self._seen = _found(path)
            self._log_seen = None if self._log is None else _found(self._log)
        except BaseException:
            self.connection.close()
            raise

    def check(self) -> None:
        """Refuse a file that is not the one opened, or was damaged meanwhile: writes to it would be lost.

        Raises:
            StateError: If it was removed, replaced, truncated or overwritten.
        """
        found = _found(self._path)
        if not _is_same(found, self._seen):
            raise StateError(f"{self._path} was replaced while it was open: restart the emulator")
        if self._log is not None and not _is_same(_found(self._log), self._log_seen):
            raise StateError(f"{self._log} was replaced while it was open: restart the emulator")
        if found.st_size < self._seen.st_size and not self._is_complete(found.st_size):
            raise StateError(f"{self._path} was truncated while it was open: it is corrupt")
        if found.st_mtime_ns != self._seen.st_mtime_ns:  # by a checkpoint, of this process or another, or by others
            self._check_content()
            self._seen = found

    def _is_complete(self, size: int) -> bool:
        """Return whether the file has all pages that its header counts: a VACUUM makes it smaller too."""
        with self._path.open("rb") as file:
            header = file.read(_HEADER)
        pages = int.from_bytes(header[28:32], "big")
        page_size = int.from_bytes(header[16:18], "big")
        return 0 < pages * (65_536 if page_size == 1 else page_size) <= size

    def _check_content(self) -> None:
        """Read the begin of the file as it is on the disk; what is cached of it may have been overwritten."""
        probe = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)
        try:
            check(probe, str(self._path))
        finally:
            probe.close()
        self.connection.execute("PRAGMA shrink_memory")


def _found(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError:
        raise StateError(f"{path} was removed while it was open: restart the emulator") from None


def _is_same(one: os.stat_result, other: os.stat_result | None) -> bool:
    return other is not None and (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def explained(error: sqlite3.Error, path: Path, busy_timeout: float) -> StateError:
    """Return an error of SQLite as what it means for the state."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & _PRIMARY
    if code in _FULL or primary == sqlite3.SQLITE_FULL:
        return StateFullError(f"the disk of {path} is full ({error}): nothing was changed")
    if primary in _LOCKED:
        return StateLockedError(f"{path} is locked by another process, for more than {busy_timeout:g} s ({error})")
    if primary == sqlite3.SQLITE_READONLY:
        return StateReadOnlyError(f"{path} is read-only: nothing was changed")
    if primary in _CORRUPT:
        return StateError(f"{path} is corrupt ({error}): remove it, or put a copy in its place, and restart")
    return StateError(f"{path} cannot be used as the database of an emulator: {error}")


def _open(path: Path, busy_timeout: float) -> tuple[sqlite3.Connection, bool]:
    existed = path.is_file() and path.stat().st_size > 0
    try:
        check_database(path)
    except OSError as error:
        file = path if error.filename is None else error.filename
        raise StateError(f"{file} cannot be opened: {error.strerror}") from error
    with contextlib.suppress(OSError):  # SQLite says what is wrong, too
        make_private(path)
    try:
        return _open_for_writing(path, busy_timeout), False
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0)
        if not existed or (code not in _FULL and code & _PRIMARY not in _UNWRITABLE):
            raise _refusal(error, path, busy_timeout) from error
    try:
        return _open_for_reading(path), True
    except sqlite3.Error as error:
        raise _refusal(error, path, busy_timeout) from error


def _refusal(error: sqlite3.Error, path: Path, busy_timeout: float) -> StateError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code == sqlite3.SQLITE_CANTOPEN:
        return StateError(f"{path} cannot be opened: {error}")
    if code in _CORRUPT:
        return StateError(f"{path} cannot be used as the database of an emulator: {error}")
    return explained(error, path, busy_timeout)


def _open_for_writing(path: Path, busy_timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute("BEGIN IMMEDIATE")  # of two processes that create the file, one finds it created
        prepare(connection, str(path))
        connection.execute("COMMIT")
        use_write_ahead_log(connection, busy_timeout)
        # safe after a kill; a power failure may lose the last transactions:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_IN_LOG}")
        number_of(connection, "schema_version")  # creates the write-ahead log
    except BaseException:
        connection.close()
        raise
    return connection


def _open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a file that cannot be written, or whose write-ahead log cannot be created.

    Without a log that has changes, SQLite may take the file as one that nobody changes.
    """
    log = Path(f"{path}-wal")
    is_complete = not log.is_file() or log.stat().st_size == 0
    try:
        return _opened_as(path, "mode=ro")
    except sqlite3.Error:
        if not is_complete:
            raise
        return _opened_as(path, "mode=ro&immutable=1")


def _opened_as(path: Path, parameters: str) -> sqlite3.Connection:
    url = f"{path.as_uri()}?{parameters}"
    connection = sqlite3.connect(url, uri=True, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        check(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def use_write_ahead_log(connection: sqlite3.Connection, busy_timeout: float) -> None:
    """Switch to the write-ahead log. SQLite has no busy timeout for this switch, hence the loop."""
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return
