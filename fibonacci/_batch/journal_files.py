"""Opening a journal in a file: one owner at a time, on a local disk, created once."""

from __future__ import annotations

import errno
import os
import sqlite3
import weakref
from contextlib import closing
from pathlib import Path

from fibonacci._batch.journal_errors import damaged_error, incomplete_error, journal_error, sqlite_error, system_error
from fibonacci._batch.journal_owner import JournalOwner
from fibonacci._batch.journal_schema import (
    JournalHeader,
    JournalMark,
    create,
    emptied,
    fault_of,
    is_empty,
    mingled,
    read_header,
    unmarked,
    verify,
)
from fibonacci._batch.leaving import abandoned_runs
from fibonacci._batch.locks import LOCK_SUFFIX, FileLock, network_filesystem_of
from fibonacci._batch.progress import resume_fault
from fibonacci._batch.sqlite_journal import SQLiteJournal
from fibonacci._files import check_database, make_private

# Seconds: a reader, such as a program that exports the journal, may hold it up that long.
_BUSY = 5.0
# Where a database says how its pages are written: a byte that is 2 while it has a write-ahead log.
_VERSION_PLACE = 19
_VERSION_OF_WAL = b"\2"


def open_journal(path: str, header: JournalHeader, resume: bool | None = None) -> SQLiteJournal:
    """Open the journal at a path, which is created if it is missing.

    Args:
        path: The path of the file.
        header: What the run belongs to.
        resume: Whether the journal must have rows; None where it may have some or none.

    Raises:
        JournalError: If it cannot be used; the message has the reason and the remedy.
    """
    network = network_filesystem_of(path)
    if network is not None:
        reason = f"is on a network file system ({network}), where locks are not reliable: pass a path on a local disk"
        raise journal_error(path, reason)
    lock_path = f"{os.path.realpath(path)}{LOCK_SUFFIX}"
    if resume and not _is_there(path):
        raise journal_error(path, resume_fault(resume, 0) or "")  # before a lock file is created
    try:
        check_database(path)
        lock = FileLock(lock_path)
    except BlockingIOError as error:
        process = f" (process {error})" if str(error) else ""
        reason = f"is used by another run{process}: wait for its end, or end it; a run that was left needs close()"
        raise journal_error(path, reason) from error
    except OSError as error:
        raise system_error(path, error) from error
    try:
        return _open_locked(path, lock, header, resume)
    except BaseException as error:
        lock.release()
        if isinstance(error, (sqlite3.Error, UnicodeDecodeError)):
            raise sqlite_error(path, error) from error
        if isinstance(error, OSError):
            raise system_error(path, error) from error
        raise


def check_journal_file(path: str, header: JournalHeader, resume: bool | None = None) -> None:
    """Check that a run could use the journal at a path, which is not created.

    Args:
        path: The path of the file.
        header: What the run belongs to.
        resume: Whether the journal must have rows; None where it may have some or none.

    Raises:
        JournalError: If it could not.
    """
    if resume or _is_there(path):
        open_journal(path, header, resume).close()
    elif not Path(path).resolve().parent.is_dir():
        raise system_error(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))


def temporary_journal(header: JournalHeader) -> SQLiteJournal:
    """Return a journal of this run alone: in memory, and what does not fit there in a temporary file."""
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -16384")
    create(connection, header)
    journal = SQLiteJournal(connection)
    weakref.finalize(journal, abandoned_runs.end_soon, connection.close)  # else Python 3.13 warns of it
    return journal


def _open_locked(path: str, lock: FileLock, header: JournalHeader, resume: bool | None) -> SQLiteJournal:
    """Open a journal whose lock is held: two processes that create one at a time would disturb each other."""
    note = lock.read_note()
    is_open = check_files(path, note)
    journal = _read(path, header, JournalMark.read(note), is_open=is_open)
    if journal is None and (note or is_open):
        raise damaged_error(path, "its tables are missing")
    fault = resume_fault(resume, 0 if journal is None else journal.rows)
    if fault is not None:
        raise journal_error(path, fault)
    make_private(path)
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        mark = create(connection, header) if journal is None else journal
        if not is_open:
            # From now on the database alone is not the whole journal, and says so: it is in the mode WAL.
            lock.write_note(str(mark), is_synced=True)
            _sync_folder(path)
            connection.execute("PRAGMA journal_mode = MEMORY")  # a change of one page leaves no other file beside it
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            reason = f"is in a file system that does not support write-ahead logs ({mode}): pass another path"
            raise journal_error(path, reason)
        return SQLiteJournal(connection, path, JournalOwner(path, lock, mark))
    except BaseException:
        connection.close()
        raise


def check_files(path: str, note: str) -> bool:
    """Return whether the last run of a journal has not ended it, before SQLite deals with files that do not fit.

    Raises:
        JournalError: If files are missing, or do not belong together.
    """
    real = os.path.realpath(path)
    lock, wal, rollback = f"{real}{LOCK_SUFFIX}", f"{real}-wal", f"{real}-journal"
    begin = _begin_of(path)
    has_wal = _size(wal) > 0
    if not begin:
        if note or has_wal:
            raise incomplete_error(path, emptied(lock))
        return False
    is_open = begin[_VERSION_PLACE:] == _VERSION_OF_WAL
    if has_wal and not is_open:
        raise incomplete_error(path, mingled(wal))
    if (note or is_open) and _size(rollback):  # one that is being created has it, and none else
        raise incomplete_error(path, mingled(rollback))
    return is_open


def _read(path: str, header: JournalHeader, noted: JournalMark | None, *, is_open: bool) -> JournalMark | None:
    """Return the mark of the last commit of the journal at a path; None if it is new.

    It is read by a connection that can change none of its files: closing another one would remove the write-ahead log
    of a journal that is refused, and that is whole again when the file that is missing has been put back.

    Raises:
        JournalError: If it is another program's, damaged, or less than what was noted.
    """
    if _size(path) == 0 or (not is_open and noted is None and _size(f"{os.path.realpath(path)}-journal")):
        return None
    with closing(connect_read_only(path)) as connection:
        stored = read_checked(connection, path, noted, header, is_open=is_open)
    return None if stored is None else stored[1]


def connect_read_only(path: str) -> sqlite3.Connection:
    """Return a connection to the database at a path, which is there and is not changed."""
    uri = f"{Path(path).resolve().as_uri()}?mode=ro"
    return sqlite3.connect(uri, timeout=_BUSY, isolation_level=None, uri=True)


def read_checked(
    connection: sqlite3.Connection,
    path: str,
    noted: JournalMark | None,
    header: JournalHeader | None = None,
    *,
    is_open: bool,
) -> tuple[JournalHeader, JournalMark] | None:
    """Return what a journal belongs to, and the mark of its last commit; None if the database is empty.

    Args:
        connection: The database.
        path: Its path.
        noted: The mark in its lock file; None where there is none.
        header: What the run belongs to that is going to continue it; None for none.
        is_open: Whether its last run has not ended it.

    Raises:
        JournalError: If it is another program's, damaged, or less than what was noted.
    """
    lock = f"{os.path.realpath(path)}{LOCK_SUFFIX}"
    try:
        if is_empty(connection):
            return None
        fault = fault_of(connection, is_noted=noted is not None)
        if fault is not None:
            raise journal_error(path, fault)
        if is_open and noted is None:
            raise incomplete_error(path, unmarked(lock))
        begun, mark = read_header(connection)
        missing = mark.fault(noted, lock)
        if missing is not None:
            raise incomplete_error(path, missing)
        difference = None if header is None else begun.difference(header)
        if difference is not None:
            raise journal_error(path, difference)
        verify(connection, mark)
    except (ValueError, OverflowError, MemoryError) as error:
        raise damaged_error(path, error) from error
    except sqlite3.DatabaseError as error:
        if noted is not None and getattr(error, "sqlite_errorname", None) == "SQLITE_NOTADB":  # it was one
            raise damaged_error(path, error) from error
        raise
    return begun, mark


def _is_there(path: str) -> bool:
    """Whether there is a journal, or what is left of one."""
    return os.path.lexists(path) or os.path.lexists(f"{os.path.realpath(path)}{LOCK_SUFFIX}")


def _begin_of(path: str) -> bytes:
    """Return the first bytes of a file, up to the version; none if there is no file."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_VERSION_PLACE + 1)
    except FileNotFoundError:
        return b""


def _size(path: str) -> int:
    """Return the size of a file; 0 if there is none."""
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0


def _sync_folder(path: str) -> None:
    """Wait until the files of a journal are in their folder on the disk."""
    if os.name == "posix":
        folder = os.open(Path(path).resolve().parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
