"""The SQLite file that keeps the state: how it is opened, and what its errors mean.

Every transaction is in the write-ahead log before the response is sent: a process that is killed loses no change that a
response has confirmed.
"""

from __future__ import annotations

import atexit
import contextlib
import sqlite3
import time
from functools import lru_cache
from pathlib import Path
from typing import Final

from fibonacci._system.files import check_database, make_private
from fibonacci.emulator.state.schema import APPLICATION, create
from fibonacci.emulator.state.snapshot import (
    StateError,
    StateFullError,
    StateLockedError,
    StateReadOnlyError,
    check_schema,
)

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
_UNWRITABLE: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
# A run changes some ten pages, which are written whole. Many are the same as those of the run before, so that a longer
# log is copied to the file in fewer writes. Compared with SQLite's defaults of 4096 and 1000, both together save a
# quarter of the time of a commit:
_PAGE: Final = 2048
_PAGES_IN_LOG: Final = 4000
_PRIMARY: Final = 0xFF  # the primary code of an extended one


def open_database(path: Path | None, busy_timeout: float) -> tuple[sqlite3.Connection, bool]:
    """Return a connection to a database, and whether it can only read.

    Args:
        path: The file, created if it does not exist, or `None` for memory.
        busy_timeout: Seconds to wait for another process that is writing.

    Raises:
        StateError: If it cannot be opened, is not an emulator's, or was written by another version.
    """
    if path is None:
        return _in_memory(), False
    existed = path.is_file() and path.stat().st_size > 0
    try:
        check_database(path)
    except OSError as error:
        file = path if error.filename is None else error.filename
        raise StateError(f"{file} cannot be opened: {error.strerror}") from error
    with contextlib.suppress(OSError):  # SQLite reports the problem, too
        make_private(path)
    try:
        return _opened(path, "mode=rwc", busy_timeout), False
    except sqlite3.Error as error:
        code, refusal = getattr(error, "sqlite_errorcode", 0), explained(error, path, busy_timeout)
        if not existed or (code not in _FULL and code & _PRIMARY not in _UNWRITABLE):
            raise refusal from error
    log = Path(f"{path}-wal")
    # Without a log that has changes, SQLite may assume that nobody changes the file, and creates none.
    is_complete = not log.is_file() or log.stat().st_size == 0
    for mode in ("mode=ro", "mode=ro&immutable=1")[: 1 + is_complete]:
        with contextlib.suppress(sqlite3.Error):
            return _opened(path, mode, 1.0), True
    raise refusal


def explained(error: sqlite3.Error, path: Path | None, busy_timeout: float) -> StateError:
    """Return what an error of SQLite means for the state."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & _PRIMARY
    if code in _FULL or primary == sqlite3.SQLITE_FULL:
        return StateFullError(f"the disk of {path} is full ({error}): nothing was changed")
    if primary in _LOCKED:
        return StateLockedError(f"{path} is locked by another process, for more than {busy_timeout:g} s ({error})")
    if primary == sqlite3.SQLITE_READONLY:
        return StateReadOnlyError(f"{path} is read-only: nothing was changed")
    if primary == sqlite3.SQLITE_CORRUPT:
        return StateError(f"{path} is corrupt ({error}): remove it or replace it with a copy, and restart")
    return StateError(f"{path or 'the state'} cannot be used as the database of an emulator: {error}")


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _template().backup(connection)  # creating the tables takes seven times as long
    return connection


@lru_cache(maxsize=1)
def _template() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    atexit.register(connection.close)
    connection.execute("BEGIN")
    create(connection)
    connection.execute("COMMIT")
    return connection


def _opened(path: Path, mode: str, busy_timeout: float) -> sqlite3.Connection:
    url = f"{path.as_uri()}?{mode}"
    connection = sqlite3.connect(url, uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    try:
        if mode == "mode=rwc":
            _prepare(connection, path, busy_timeout)
        else:
            _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, busy_timeout: float) -> None:
    connection.execute(f"PRAGMA page_size = {_PAGE}")
    connection.execute("BEGIN IMMEDIATE")  # of two processes that create the file, one finds it created
    if number_of(connection, "schema_version") == 0:
        create(connection)
    else:
        _check(connection, path)
    connection.execute("COMMIT")
    use_write_ahead_log(connection, busy_timeout)
    # safe after a kill, but a power failure may lose the last transactions:
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_IN_LOG}")
    number_of(connection, "schema_version")  # creates the write-ahead log


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not an emulator's.

    Raises:
        StateError: If the file is another application's or another version's.
    """
    if number_of(connection, "application_id") != APPLICATION:
        raise StateError(f"{path} is not the database of an emulator")
    check_schema(number_of(connection, "user_version"), str(path))


def number_of(connection: sqlite3.Connection, pragma: str) -> int:
    """Return the value of a pragma."""
    number: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number


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
