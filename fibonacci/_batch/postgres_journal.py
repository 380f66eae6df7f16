"""The journal in PostgreSQL, which a run on any machine can continue.

All journals of a database are in two tables: one has a record of each journal, the other has their rows. A run has a
journal as long as its connection holds a session lock on it, which the server releases when the connection ends. A
commit is one round trip, and counts under the name of the run that took the journal last. So the commit of a run that
another has followed fails as a whole, and a run that lost the reply to a commit sees whether it was carried out.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, contextmanager, suppress
from secrets import token_hex
from typing import Any, Final, NamedTuple, TypeVar

from fibonacci._batch.journal import JournalEntry
from fibonacci._batch.journal_errors import incomplete_error, journal_error, resume_fault
from fibonacci._batch.journal_reader import JournalReader, Select
from fibonacci._batch.journal_schema import ROW_COLUMNS, SCHEMA_VERSION, JournalHeader, newer_schema
from fibonacci._batch.options import PostgresPlace
from fibonacci._batch.rows import Row
from fibonacci._batch.sql_journal import COUNT, Dialect, JournalHolder, SQLJournal
from fibonacci._core.logs import log_journal
from fibonacci._remedies import remedy
from fibonacci.errors import JournalError

try:
    import psycopg
    from psycopg import conninfo, errors
except ImportError as error:
    raise ImportError("a journal in PostgreSQL needs psycopg: pip install 'fibonacci-sdk[postgres]'") from error

_T = TypeVar("_T")
_Connection = psycopg.Connection[Any]

_TABLES: Final = f"""
CREATE TABLE IF NOT EXISTS fibonacci_journals (
    id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    schema INTEGER NOT NULL,
    workflow_id TEXT NOT NULL,
    workflow_version TEXT,
    key_rule TEXT NOT NULL,
    run TEXT NOT NULL DEFAULT '',
    process TEXT NOT NULL DEFAULT '',
    commits BIGINT NOT NULL DEFAULT 0,
    stopped_run TEXT,
    is_outdated BOOLEAN NOT NULL DEFAULT FALSE,
    progress TEXT
);
CREATE TABLE IF NOT EXISTS fibonacci_rows (
    journal INTEGER NOT NULL REFERENCES fibonacci_journals ON DELETE CASCADE,
    number BIGINT NOT NULL,{ROW_COLUMNS},
    PRIMARY KEY (journal, number),
    UNIQUE (journal, key)
);
"""
_HAS_TABLES: Final = "SELECT to_regclass('fibonacci_journals') IS NOT NULL"
_CREATE_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtext('fibonacci_journals'))"
# What it confirms is on the server's disk. The server notices within 25 seconds that this machine has lost power.
_SESSION: Final = (
    "SELECT set_config('synchronous_commit', 'on', false), set_config('lock_timeout', '2s', false),"
    " set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)
_OPTIONS: Final = {
    "application_name": "fibonacci-sdk",
    "client_encoding": "utf8",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_FIND: Final = (
    "SELECT schema, is_outdated, id, run, process, commits, workflow_id, workflow_version, key_rule"
    " FROM fibonacci_journals WHERE name = %s"
)
_ADD: Final = (
    "INSERT INTO fibonacci_journals (name, schema, workflow_id, workflow_version, key_rule) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (name) DO NOTHING"
)
_LOCK: Final = "SELECT pg_advisory_lock('fibonacci_journals'::regclass::oid::int, %s)"
_IS_LOCKED: Final = """
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = 'fibonacci_journals'::regclass AND objid = %s::oid)
"""
_TAKE: Final = "UPDATE fibonacci_journals SET run = %s, process = %s, commits = commits + 1 WHERE id = %s"
# For another run, or after another number of commits, it is NULL, which the column refuses: the transaction fails.
_COMMIT: Final = (
    "UPDATE fibonacci_journals SET commits = CASE WHEN run = %s AND commits = %s THEN commits + 1 END WHERE id = %s"
)

_OPENED_WITHIN: Final = 5.0  # seconds: a job is often started together with its server
_NOT_OURS: Final = ("23502", "23503")
"""What a commit of a run fails with that hasn't the journal any more: a new connection sees why."""
PATIENCE: Final = 30.0
"""Seconds for which a run waits for a server that is away, such as one that is restarted."""

_RIGHTS: Final = (
    "this user may not use or create the tables fibonacci_journals and fibonacci_rows. Grant SELECT, INSERT and UPDATE"
    " on both, or CREATE on the schema"
)
# By SQLSTATE, or its class.
_REMEDIES: Final = {
    "08": "check the server and the network",
    "25006": "the server is a replica or read-only. Use the URL of the primary",
    "3F000": _RIGHTS,
    "42501": _RIGHTS,
    "42P01": _RIGHTS,
    "42703": "another program has tables with these names. Use another database, or a schema with ?options=",
    "53": "the server has no memory or connection left. Free some",
    "53100": "the disk of the server is full. Free some space. What it has recorded is kept: call again with the same"
    " journal",
    "55P03": "another session locks the tables or the journal. End it",
    "57": "the server is stopping or starting, or somebody has ended the connection. Wait until it runs",
}
# What waiting doesn't change in a connection that was refused. A server that speaks another language is waited for.
_REFUSALS: Final = {
    "password": "check the user and password. libpq also reads PGPASSWORD and ~/.pgpass",
    "does not exist": "check the database and the user in the URL",
    "pg_hba.conf": "the server does not let this user in from here. Check its pg_hba.conf",
    "not translate host name": "check the host in the URL",
    "certificate": "check sslmode and sslrootcert in the URL",
    "SSL": "check sslmode in the URL",
    "read-only": _REMEDIES["25006"],
}


class _Found(NamedTuple):
    id: int
    run: str
    process: str
    commits: int
    header: JournalHeader


def _advice(error: psycopg.Error) -> tuple[str, bool]:
    """Return what to do about an error, and whether waiting may help."""
    code = error.sqlstate or ""
    if not code and isinstance(error, psycopg.OperationalError):
        for part, text in _REFUSALS.items():
            if part in str(error):
                return text, False
        return "check that the server runs at this URL, and the network", True
    text = _REMEDIES.get(code) or _REMEDIES.get(code[:2]) or ""
    return text, code[:2] in ("08", "57") or code in ("53300", "55P03", *_NOT_OURS)


def _error(path: str, error: psycopg.Error, waited: float = 0.0) -> JournalError:
    since = f" for {waited:.0f} s" if waited >= 1 else ""
    text = _advice(error)[0]
    detail = " ".join(str(error).split())
    return journal_error(path, f"cannot be used{since} ({detail})" + (f": {text}" if text else ""))


def _patiently(path: str, action: Callable[[], _T], seconds: float) -> _T:
    """Carry out an action, and again as long as the server is away."""
    began, delay = time.monotonic(), 0.05
    while True:
        try:
            return action()
        except psycopg.Error as error:
            waited = time.monotonic() - began
            if not _advice(error)[1] or waited + delay > seconds:
                raise _error(path, error, waited) from error
            if delay == 0.05:
                log_journal(path, f"cannot be used ({error}): waiting up to {seconds:.0f} s")
        time.sleep(delay)
        delay = min(1.0, 2 * delay)


def _execute(connection: _Connection, statement: str, *values: object) -> list[Any]:
    cursor = connection.execute(statement.encode(), values)
    return cursor.fetchall() if cursor.description else []


@contextmanager
def _connected(place: PostgresPlace) -> Generator[_Connection]:
    """Connect for a while, to read a journal."""
    with closing(_patiently(place.shown, lambda: _connect(place), _OPENED_WITHIN)) as connection:
        try:
            yield connection
        except psycopg.Error as error:
            raise _error(place.shown, error) from error


def _options(place: PostgresPlace) -> Any:
    return {**_OPTIONS, **conninfo.conninfo_to_dict(place.url)}


def _connect(place: PostgresPlace) -> _Connection:
    try:
        connection = psycopg.connect(autocommit=True, **_options(place))  # a traceback shows what variables have
    except psycopg.ProgrammingError:  # whose text may have a part of the password
        reason = "has a URL that libpq does not understand: check its options, and write % in a password as %25"
        raise journal_error(place.shown, reason) from None
    try:
        _execute(connection, _SESSION)
    except BaseException:
        connection.close()
        raise
    return connection


def _find(connection: _Connection, place: PostgresPlace, header: JournalHeader | None = None) -> _Found | None:
    """Return a journal, or None if it isn't there.

    Raises:
        JournalError: If it can't be used, or belongs to something else than the header says.
    """
    records = _execute(connection, _FIND, place.name) if _execute(connection, _HAS_TABLES)[0][0] else []
    if not records:
        return None
    schema, is_outdated, journal, run, process, commits, *fields = records[0]
    if schema > SCHEMA_VERSION:
        raise journal_error(place.shown, newer_schema(schema))
    if is_outdated:
        raise _outdated_error(place.shown, "has older data than a run had written")
    found = _Found(journal, run, process, commits, JournalHeader(*fields))
    difference = None if header is None else found.header.difference(header)
    if difference is not None:
        raise journal_error(place.shown, difference)
    return found


def _existing(connection: _Connection, place: PostgresPlace, header: JournalHeader | None = None) -> _Found:
    found = _find(connection, place, header)
    if found is None:
        raise journal_error(place.shown, "does not exist: check the database and the name of the journal in its URL")
    return found


def _outdated_error(path: str, reason: str) -> JournalError:
    return incomplete_error(
        path,
        f"{reason}: restore the server's latest data. Rows that it lacks may have run, so look at the executions of"
        " the workflow before you run rows again with another journal",
    )


def open_postgres_journal(place: PostgresPlace, header: JournalHeader, resume: bool | None = None) -> PostgresJournal:
    """Open a journal in PostgreSQL, which is created if it is missing.

    Args:
        place: Where it is.
        header: What the run belongs to.
        resume: Whether the journal must have rows. None if it may have some or none.

    Raises:
        JournalError: If it can't be used. The message has the reason and the remedy.
    """
    return _patiently(place.shown, lambda: _open(place, header, resume), _OPENED_WITHIN)


def check_postgres_journal(place: PostgresPlace, header: JournalHeader, resume: bool | None = None) -> None:
    """Check that a run could use a journal, which isn't created.

    Raises:
        JournalError: If it couldn't.
    """
    with _connected(place) as connection:
        is_there = _find(connection, place, header) is not None
    if resume or is_there:
        open_postgres_journal(place, header, resume).close()


def _open(place: PostgresPlace, header: JournalHeader, resume: bool | None) -> PostgresJournal:
    connection = _connect(place)
    try:
        if _find(connection, place, header) is None:
            fault = resume_fault(resume, 0)
            if fault is not None:
                raise journal_error(place.shown, fault)
            if not _execute(connection, _HAS_TABLES)[0][0]:
                with connection.transaction():
                    _execute(connection, _CREATE_ALONE)  # where two did it at once, one would fail
                    connection.execute(_TABLES.encode())
            _execute(connection, _ADD, place.name, SCHEMA_VERSION, *header)
        found = _existing(connection, place, header)
        try:
            _execute(connection, _LOCK, found.id)
        except errors.LockNotAvailable as error:
            process = _existing(connection, place).process
            reason = f"is used by another run ({process}): {remedy('another run', journal=place.shown)}"
            raise journal_error(place.shown, reason) from error
        # The run before may have changed it.
        return PostgresJournal(connection, place, _existing(connection, place, header), resume)
    except BaseException:
        connection.close()
        raise


def _dialect(journal: int) -> Dialect:
    """Return the dialect in which the rows of a journal are read."""
    return Dialect(
        f"(SELECT * FROM fibonacci_rows WHERE journal = {journal}) AS rows",
        "%s",
        f"fibonacci_journals WHERE id = {journal}",
    )


class PostgresJournal(SQLJournal):
    """A journal in PostgreSQL. What a method writes is one transaction, which the server has synced to its disk.

    Args:
        connection: The connection, which has the lock of the journal.
        place: Where it is.
        found: The journal.
        resume: Whether the journal must have rows. None if it may have some or none.

    Raises:
        JournalError: If it can't be written, or isn't what `resume` says.
    """

    def __init__(self, connection: _Connection, place: PostgresPlace, found: _Found, resume: bool | None) -> None:
        self._dialect = _dialect(found.id)
        last = _execute(connection, self._dialect.query(COUNT))[0][0]
        super().__init__(place.shown, last)
        if (fault := resume_fault(resume, last)) is not None:
            raise journal_error(place.shown, fault)
        self._place = place
        self._id = found.id
        self._write = self._dialect.upsert(
            "fibonacci_rows", ("journal", *JournalEntry._fields), "journal, number", kept="inputs"
        ).encode()
        self._connection: _Connection | None = connection
        self._patience = PATIENCE
        self._run = token_hex(8)
        process = f"process {os.getpid()} on {socket.gethostname()}"
        _execute(connection, _TAKE, self._run, process, found.id)
        self._commits = found.commits + 1

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether another process has requested that this run stops."""
        query = "SELECT 1 FROM fibonacci_journals WHERE id = %s AND stopped_run = run"
        with self._process_lock():
            return bool(self._carry_out(lambda connection: _execute(connection, query, self._id)))

    def close(self) -> None:
        """End the run: another may have the journal. A second call does nothing."""
        self._is_closed = True
        if self._process == os.getpid():  # what a fork has is its parent's: it would tell the server that it ends
            with self._lock:
                self._drop()

    def _select(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        query = self._dialect.query(query)
        with self._process_lock():
            if not self._is_closed:
                return self._carry_out(lambda connection: _execute(connection, query, *values))
        with _connected(self._place) as connection:
            return _execute(connection, query, *values)

    def _change(self, entries: Iterable[JournalEntry], progress: str | None = None, version: str | None = None) -> None:
        with self._process_lock():
            statements: list[tuple[bytes, tuple[object, ...]]] = [
                (self._write, (self._id, *entry)) for entry in entries
            ]
            statements += [
                (f"UPDATE fibonacci_journals SET {name} = %s WHERE id = %s".encode(), (value, self._id))
                for name, value in (("progress", progress), ("workflow_version", version))
                if value is not None
            ]
            before: int | None = None

            def commit(connection: _Connection) -> None:
                nonlocal before
                if before is None:  # what a connection, and no earlier, tells of the last commit
                    before = self._commits
                elif self._commits > before:  # it was carried out, and the reply was lost
                    return
                # In one round trip. What fails in between, also Ctrl-C, never comes to the COMMIT.
                with connection.pipeline(), connection.cursor() as cursor:
                    cursor.execute("BEGIN")
                    cursor.execute(_COMMIT, (self._run, before, self._id))
                    for statement, record in statements:
                        cursor.execute(statement, record)
                    cursor.execute("COMMIT")
                self._commits = before + 1

            self._carry_out(commit)

    def _entry_of(self, row: Row) -> JournalEntry:
        """Return what is written of a row. Its inputs, which may be long, cross the network once."""
        entry = super()._entry_of(row)
        return entry._replace(inputs=None) if row.is_recorded else entry

    def _carry_out(self, action: Callable[[_Connection], _T]) -> _T:
        """Carry out an action, and again on another connection when this one fails. The lock is held.

        A run that has waited for a server in vain doesn't wait for it again.
        """
        patience, self._patience = self._patience, 0.0
        result = _patiently(self.path, lambda: self._attempt(action), patience)
        self._patience = PATIENCE
        return result

    def _attempt(self, action: Callable[[_Connection], _T]) -> _T:
        try:
            if self._connection is None:
                if self._is_closed:
                    raise journal_error(self.path, "was closed")
                self._connection = _connect(self._place)
                try:
                    _execute(self._connection, _LOCK, self._id)
                finally:  # if another run has the lock, its name is there too
                    self._check(self._connection)
            return action(self._connection)
        except BaseException:  # Ctrl-C too: what has become of the action is seen on another connection
            self._drop()
            raise

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _check(self, connection: _Connection) -> None:
        """See on a new connection whether the journal is still this run's, and what has become of the last commit.

        Raises:
            JournalError: If it is another run's, or has older data.
        """
        found = _find(connection, self._place)
        if found is None:
            raise _outdated_error(self.path, "was removed while rows ran")
        if found.commits < self._commits:
            # No other run continues such a journal, which doesn't know all that has run.
            _execute(connection, "UPDATE fibonacci_journals SET is_outdated = TRUE WHERE id = %s", self._id)
            missing = self._commits - found.commits
            raise _outdated_error(self.path, f"has older data, without the last {missing} commits of this run")
        if found.run != self._run:
            reason = (
                f"was taken over by another run ({found.process}) when this one had lost its connection: rows under way"
                " go on, and the other run has them. When it has ended, the same call continues"
            )
            raise journal_error(self.path, reason)
        self._commits = found.commits


class PostgresReader(JournalReader):
    """Reads a journal in PostgreSQL, also on a replica. It has a connection during a read alone.

    Args:
        place: Where it is.

    Raises:
        JournalError: If it isn't there, or can't be used, by each method.
    """

    def __init__(self, place: PostgresPlace) -> None:
        super().__init__(place.shown)
        self._place = place

    def holder(self) -> JournalHolder | None:
        """Return the run that has the journal, or None if none has. It is true at the moment of the call."""
        with _connected(self._place) as connection:
            found = _existing(connection, self._place)
            is_held = _execute(connection, _IS_LOCKED, found.id)[0][0]
            return JournalHolder(found.run, found.process) if is_held else None

    def stop(self) -> JournalHolder | None:
        """Request that the run that has the journal starts no more rows. This doesn't affect a later run."""
        holder = self.holder()
        if holder is not None:
            with _connected(self._place) as connection:
                query = "UPDATE fibonacci_journals SET stopped_run = %s WHERE name = %s"
                _execute(connection, query, holder.run, self._place.name)
        return holder

    def check(self) -> None:
        """Check that it is there."""
        self.header()

    def open(self) -> SQLJournal:
        """Open the journal, which must have rows, to change it."""
        return open_postgres_journal(self._place, self.header(), resume=True)

    @contextmanager
    def reading(self) -> Generator[tuple[Select, JournalHeader]]:
        """Return what reads the rows, all as they are after one commit, and what the journal belongs to."""
        with _connected(self._place) as connection:
            found = _existing(connection, self._place)
            yield lambda query, values: _execute(connection, _dialect(found.id).query(query), *values), found.header
