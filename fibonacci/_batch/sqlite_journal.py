"""The journal in SQLite: a file that one run has at a time.

A request to stop is a file with the name of the run in its own name. So every user who can read the folder sees it, it
is complete as soon as it exists, and a later run ignores it.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from fibonacci._batch.journal import JournalEntry
from fibonacci._batch.journal_errors import (
    damaged_error,
    incomplete_error,
    journal_error,
    mark_error,
    resume_fault,
    sqlite_error,
    system_error,
)
from fibonacci._batch.journal_schema import (
    WRITE_HEADER,
    WRITE_PROGRESS,
    JournalHeader,
    JournalMark,
    checksum_of,
    create,
    emptied,
    fault_of,
    header_values,
    is_empty,
    mingled,
    read_header,
    read_mark,
    unmarked,
    verify,
    write_mark,
)
from fibonacci._batch.locks import LOCK_SUFFIX, FileLock, network_filesystem_of
from fibonacci._batch.sql_journal import COUNT, Dialect, SQLJournal
from fibonacci._remedies import remedy
from fibonacci._system.files import check_database, make_private, open_state


def stop_request(journal: str, run: str) -> Path:
    """Return the path of the file that requests that a run starts no more rows.

    Args:
        journal: The path of the journal, without symbolic links.
        run: The name of the run.
    """
    return Path(f"{journal}-stop-{run}")


def make_stop_request(journal: str, run: str) -> None:
    """Request that a run starts no more rows, from any process.

    Raises:
        OSError: If the request can't be written.
    """
    request = stop_request(journal, run)
    if request.is_symlink() or not request.is_file():  # another user may have made it
        os.close(open_state(request, os.O_WRONLY | os.O_CREAT))


def _identity(path: str) -> tuple[int, int] | None:
    """Return what identifies the file at a path, or None if there is none."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _remove(request: Path) -> None:
    with suppress(OSError):  # another user's, in a folder such as /tmp: no run has this name again
        request.unlink()


_FIELDS: Final = (*JournalEntry._fields, "checksum")
SQLITE: Final = Dialect("rows", "?", "header", ", ".join(_FIELDS))
_WRITE: Final = SQLITE.upsert("rows", _FIELDS, "number")
_SUM: Final = "SELECT coalesce(sum(checksum), 0) FROM rows WHERE number IN (SELECT value FROM json_each(?))"
_LAST: Final = SQLITE.query(COUNT)

_TRIES: Final = 20
_PAUSE: Final = 0.02


class Journal(SQLJournal):
    """A journal in SQLite. What a method writes is synced to the disk.

    It has the name of the run that opened it last.

    Args:
        connection: The database, with its tables.
        path: Its path, for messages.
        lock: The lock that keeps other runs away, with the mark of the last commit.
        mark: The mark of the last commit.

    Raises:
        JournalError: If it can't be written.
    """

    def __init__(self, connection: sqlite3.Connection, path: str, lock: FileLock, mark: JournalMark) -> None:
        super().__init__(path, mark.rows)
        self._connection = connection
        self._real_path = os.path.realpath(path)  # whatever the working directory becomes
        self._file = _identity(self._real_path)
        self._mark_lock = lock
        self._last_mark = mark
        self._following: JournalMark | None = None  # that of the commit which is under way
        self._run = token_hex(8)
        self._stop_request = stop_request(self._real_path, self._run)
        _remove(stop_request(self._real_path, mark.run))  # of a run that was killed
        self._change([])  # in which the run becomes the owner

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether another process has requested that this run stops."""
        return self._stop_request.is_file()

    def close(self) -> None:
        """End the run: another may have the journal. A second call does nothing."""
        if self._process != os.getpid():  # what a fork has is its parent's: the locks, a request
            self._is_closed = True
            return
        with self._lock:
            if not self._is_closed:
                try:
                    _make_whole(self._connection)
                finally:
                    self._connection.close()
                    _remove(self._stop_request)
                    self._mark_lock.release()
                    self._is_closed = True

    def _select(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        query = SQLITE.query(query)
        with self._process_lock(), self._errors_explained() as connection:
            if not self._is_closed:
                return connection.execute(query, values).fetchall()
            with closing(connect_read_only(self._real_path)) as reading:
                return reading.execute(query, values).fetchall()

    @contextmanager
    def _errors_explained(self) -> Generator[sqlite3.Connection]:
        """Return the connection for a `with` statement, in which errors of SQLite become those of a journal."""
        try:
            yield self._connection
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise sqlite_error(self.path, error) from error

    def _change(self, entries: Iterable[JournalEntry], progress: str | None = None, version: str | None = None) -> None:
        with self._process_lock(), self._errors_explained() as connection:
            try:
                if connection.in_transaction:  # Ctrl-C has kept the last one from being rolled back
                    connection.execute("ROLLBACK")
                connection.execute("BEGIN IMMEDIATE")
                self._check(connection)
                marked = [(*entry, checksum_of(entry)) for entry in entries]
                before = connection.execute(_SUM, (json.dumps([number for number, *_ in marked]),)).fetchone()[0]
                connection.executemany(_WRITE, marked)
                if progress is not None:
                    connection.execute(WRITE_PROGRESS, (progress,))
                if version is not None:
                    self._continue_with(connection, version)
                added = sum(checksum for *_, checksum in marked) - before
                self._commit(connection, added)
            except BaseException:
                if connection.in_transaction:  # SQLite ends some transactions itself
                    connection.execute("ROLLBACK")
                raise

    def _check(self, connection: sqlite3.Connection) -> None:
        """Check, in a transaction, that what is written goes to the file at the path, and that no other run has it.

        Raises:
            JournalError: If not.
        """
        if _identity(self._real_path) != self._file:
            reason = (
                "was removed or replaced while rows ran: put the file back. With a new path, rows that have "
                "already run would"
            )
            raise journal_error(self.path, f"{reason} run again")
        written = read_mark(connection)
        if self._following is not None and written == str(self._following):
            self._last_mark = self._following  # Ctrl-C came between a commit and its note
        if written != str(self._last_mark):
            reason = (
                "was opened by another run while this one was using it: always use the same path, and leave its "
                "-lock file"
            )
            raise journal_error(self.path, f"{reason} in its place. When that run has ended, the same call continues")

    def _commit(self, connection: sqlite3.Connection, added: int) -> None:
        """Commit a transaction with its mark, and note that beside the database, from which the commit can be lost.

        Args:
            connection: The database.
            added: How much greater the sum of the checksums of its rows has become.

        Raises:
            JournalError: If it is committed, and can't be noted.
        """
        before, rows = self._last_mark, connection.execute(_LAST).fetchone()[0]
        mark = JournalMark(before.journal, self._run, before.commits + 1, rows, before.total + added)
        write_mark(connection, str(mark))
        self._following = mark
        connection.execute("COMMIT")
        self._last_mark = mark
        try:
            self._mark_lock.write_note(str(mark))
        except OSError as error:
            raise mark_error(self.path, error) from error

    def _continue_with(self, connection: sqlite3.Connection, version: str) -> None:
        try:
            header, _ = read_header(connection)
        except ValueError as error:
            raise damaged_error(self.path, error) from error
        connection.execute(WRITE_HEADER, header_values(header._replace(workflow_version=version)))


def _make_whole(connection: sqlite3.Connection) -> None:
    """Make a journal one file that can be copied. If that fails, it is whole together with its write-ahead log."""
    with suppress(sqlite3.Error):  # such as when another program has it open, or the disk is full
        connection.execute("PRAGMA busy_timeout = 0")
        for _ in range(_TRIES):
            try:
                connection.execute("PRAGMA journal_mode = MEMORY")
            except sqlite3.OperationalError:  # a view reads some rows
                time.sleep(_PAUSE)
            else:
                return


# Seconds: a reader, such as a program that exports the journal, may hold it up that long.
_BUSY = 5.0
# Where a database says how its pages are written: a byte that is 2 while it has a write-ahead log.
_VERSION_PLACE = 19
_VERSION_OF_WAL = b"\2"


def open_journal(path: str, header: JournalHeader, resume: bool | None = None) -> Journal:
    """Open the journal at a path, which is created if it is missing.

    Args:
        path: The path of the file.
        header: What the run belongs to.
        resume: Whether the journal must have rows. None if it may have some or none.

    Raises:
        JournalError: If it can't be used. The message has the reason and the remedy.
    """
    network = network_filesystem_of(path)
    if network is not None:
        reason = f"is on a network file system ({network}), where locks are unreliable: pass a path on a local disk"
        raise journal_error(path, reason)
    lock_path = f"{os.path.realpath(path)}{LOCK_SUFFIX}"
    if resume and not _is_there(path):
        raise journal_error(path, resume_fault(resume, 0) or "")  # before a lock file is created
    try:
        check_database(path)
        lock = FileLock(lock_path)
    except BlockingIOError as error:
        process = f" (process {error})" if str(error) else ""
        reason = f"is used by another run{process}: {remedy('another run', journal=path)}"
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
    """Check that a run could use the journal at a path, which isn't created.

    Args:
        path: The path of the file.
        header: What the run belongs to.
        resume: Whether the journal must have rows. None if it may have some or none.

    Raises:
        JournalError: If it couldn't.
    """
    if resume or _is_there(path):
        open_journal(path, header, resume).close()
    elif not Path(path).resolve().parent.is_dir():
        raise system_error(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))


def _open_locked(path: str, lock: FileLock, header: JournalHeader, resume: bool | None) -> Journal:
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
            connection.execute("PRAGMA journal_mode = MEMORY")  # a change of one page leaves no other file next to it
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            reason = f"is on a file system that does not support write-ahead logs ({mode}): pass another path"
            raise journal_error(path, reason)
        return Journal(connection, path, lock, mark)
    except BaseException:
        connection.close()
        raise


def check_files(path: str, note: str) -> bool:
    """Return whether the last run of a journal was killed, and check its files before SQLite opens them.

    Raises:
        JournalError: If files are missing, or don't belong together.
    """
    real = os.path.realpath(path)
    lock, wal, rollback = f"{real}{LOCK_SUFFIX}", f"{real}-wal", f"{real}-journal"
    begin = _begin_of(path)
    has_wal = bool(_size(wal))
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
    """Return the mark of the last commit of the journal at a path, or None if it is new.

    It uses a connection that can't change any of the files. Closing an ordinary connection would remove the write-ahead
    log. If the journal is refused because a file is missing, it is whole again once that file is back.

    Raises:
        JournalError: If it is another program's, damaged, or less than what was noted.
    """
    if _size(path) == 0 or (not is_open and noted is None and _size(f"{os.path.realpath(path)}-journal")):
        return None
    with closing(connect_read_only(path)) as connection:
        stored = read_checked(connection, path, noted, header, is_open=is_open)
    return None if stored is None else stored[1]


def connect_read_only(path: str) -> sqlite3.Connection:
    """Return a connection to the database at a path, which is there and isn't changed."""
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
    """Return what a journal belongs to, and the mark of its last commit, or None if the database is empty.

    Args:
        connection: The database.
        path: Its path.
        noted: The mark in its lock file. None if there is none.
        header: What the run belongs to that is going to continue it. None for none.
        is_open: Whether its last run hasn't ended it.

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
    """Whether there is a journal, or a part of one."""
    return os.path.lexists(path) or os.path.lexists(f"{os.path.realpath(path)}{LOCK_SUFFIX}")


def _begin_of(path: str) -> bytes:
    """Return the first bytes of a file, up to the version, or none without a file."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_VERSION_PLACE + 1)
    except FileNotFoundError:
        return b""


def _size(path: str) -> int:
    """Return the size of a file, or 0 if it doesn't exist."""
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
