"""Opening a journal in a file: one owner at a time, on a local disk, created once."""

from __future__ import annotations

import os
import sqlite3
import weakref
from pathlib import Path

from fibonacci._batch.filesystems import network_filesystem_of
from fibonacci._batch.journal_errors import journal_error, sqlite_error, system_error
from fibonacci._batch.journal_schema import JournalHeader, create, fault_of
from fibonacci._batch.locks import LOCK_SUFFIX, FileLock
from fibonacci._batch.sqlite_journal import SQLiteJournal

# Seconds: a reader, such as a program that exports the journal, may hold it up that long.
_BUSY = 5.0


def open_journal(path: str, header: JournalHeader) -> SQLiteJournal:
    """Open the journal at a path, which is created if it is missing.

    Args:
        path: The path of the file.
        header: What the run belongs to.

    Raises:
        JournalError: If it cannot be used; the message has the reason and the remedy.
    """
    network = network_filesystem_of(path)
    if network is not None:
        reason = f"is on a network file system ({network}), where locks are not reliable: pass a path on a local disk"
        raise journal_error(path, reason)
    try:
        lock = FileLock(f"{os.path.realpath(path)}{LOCK_SUFFIX}")
    except BlockingIOError as error:
        process = f" (process {error})" if str(error) else ""
        reason = f"is used by another run{process}: wait for its end, or end it; a run that was left needs close()"
        raise journal_error(path, reason) from error
    except OSError as error:
        raise system_error(path, error) from error
    try:
        return _open_locked(path, header, lock)
    except BaseException:
        lock.release()
        raise


def temporary_journal(header: JournalHeader) -> SQLiteJournal:
    """Return a journal of this run alone: in memory, and what does not fit there in a temporary file."""
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -16384")
    create(connection)
    journal = SQLiteJournal(connection, "", None, header)
    weakref.finalize(journal, connection.close)  # Python 3.13 warns of a connection that is collected without it
    return journal


def _open_locked(path: str, header: JournalHeader, lock: FileLock) -> SQLiteJournal:
    """Open a journal whose lock is held: two processes that create one at a time would disturb each other."""
    try:
        _make_file(path)
    except OSError as error:
        raise system_error(path, error) from error
    try:
        connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise sqlite_error(path, error) from error
    try:
        fault = fault_of(connection)
        if fault is not None:
            raise journal_error(path, fault)
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            reason = f"is in a file system that does not support write-ahead logs ({mode}): pass another path"
            raise journal_error(path, reason)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        create(connection)
        return SQLiteJournal(connection, path, lock, header)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        connection.close()
        raise sqlite_error(path, error) from error
    except BaseException:
        connection.close()
        raise


def _make_file(path: str) -> None:
    """Create an empty file that this user alone may read, durably, unless there is one."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    os.close(file)
    if os.name == "posix":
        folder = os.open(Path(path).resolve().parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
