"""The state in a SQLite file: it survives the process, and several processes may share it.

Every transaction is in the write-ahead log before the response is sent: a process that is killed loses no change that a
response has confirmed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sqlite3
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, Final, Generic, Protocol, cast

from fibonacci._files import check_database, make_private
from fibonacci._logging import log
from fibonacci.definitions.json_types import is_object
from fibonacci.emulator.state.json_encoding import SURROGATE, in_unicode, to_text
from fibonacci.emulator.state.snapshot import (
    StateError,
    StateFullError,
    StateLockedError,
    StateReadOnlyError,
    UnreadableRecordError,
    check_schema,
)
from fibonacci.emulator.state.store import Store
from fibonacci.emulator.state.tables import SECRET, Key, RecordT, Search, Table, TableKind

APPLICATION: Final = 0x46494245
"""The application ID of an emulator's SQLite file: the letters FIBE."""

# What the triggers do when a record enters lists and leaves them.
_ENTER: Final = """
    INSERT INTO lists SELECT NEW.kind, value, NEW.number FROM json_each(NEW.lists);
    INSERT INTO counts SELECT NEW.kind, value, 1, NEW.amount FROM json_each(NEW.lists) WHERE true
        ON CONFLICT (kind, list) DO UPDATE SET count = count + 1, total = total + excluded.total;
"""
_LEAVE: Final = """
    DELETE FROM lists WHERE kind = OLD.kind AND list IN (SELECT value FROM json_each(OLD.lists))
        AND number = OLD.number;
    UPDATE counts SET count = count - 1, total = total - OLD.amount
        WHERE kind = OLD.kind AND list IN (SELECT value FROM json_each(OLD.lists));
    DELETE FROM counts WHERE kind = OLD.kind AND list IN (SELECT value FROM json_each(OLD.lists)) AND count = 0;
"""

SCHEMA: Final = 2
"""The version of the tables that is written."""

# `record` and `apart` are JSON objects of the fields. `apart` is NULL unless a large field is kept there, after the
# others, so that brief records are read without it. `lists` is a JSON array of the kept lists that the record is in,
# from which triggers keep the tables `lists` and `counts`: a page is one search, and a count or a sum is one row. The
# key comes before the kind, so that what belongs together is close together.
CREATE: Final = (
    """
    CREATE TABLE records (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        lists TEXT NOT NULL,
        amount INTEGER NOT NULL,
        due REAL,
        record TEXT NOT NULL,
        apart TEXT,
        UNIQUE (key, kind)
    )
    """,
    "CREATE INDEX records_due ON records (due, key, kind) WHERE due IS NOT NULL",
    "CREATE TABLE lists (kind TEXT, list TEXT, number INTEGER, PRIMARY KEY (kind, list, number)) WITHOUT ROWID",
    """
    CREATE TABLE counts (
        kind TEXT, list TEXT, count INTEGER, total INTEGER, PRIMARY KEY (kind, list)
    ) WITHOUT ROWID
    """,
    f"CREATE TRIGGER record_added AFTER INSERT ON records WHEN NEW.lists <> '[]' BEGIN {_ENTER} END",
    f"""
    CREATE TRIGGER record_moved AFTER UPDATE OF lists, amount ON records
        WHEN (OLD.lists, OLD.amount) <> (NEW.lists, NEW.amount) BEGIN {_LEAVE} {_ENTER} END
    """,
    f"CREATE TRIGGER record_deleted AFTER DELETE ON records WHEN OLD.lists <> '[]' BEGIN {_LEAVE} END",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {SCHEMA}",
)

# Schema 1 kept more lists, and no amounts.
_SET_ASIDE: Final = (
    *(f"DROP TRIGGER record_{event}" for event in ("added", "moved", "deleted")),
    "DROP TABLE lists",
    "DROP TABLE counts",
    "DROP INDEX records_due",
    "ALTER TABLE records RENAME TO records_1",
)

_COLUMNS: Final = ("number", "kind", "key", "lists", "amount", "due", "record", "apart")

_DAMAGE: Final = (LookupError, TypeError, ValueError, AttributeError)
"""What a damaged row of schema 1 raises."""

# What was there when a mark was set, of the records that have changed since: all but the number is NULL for a new one.
# Triggers keep it, so that it has the changes of other processes too.
MARK: Final = (
    f"CREATE TABLE {{mark}} (number INTEGER PRIMARY KEY, {', '.join(_COLUMNS[1:])})",
    """
    CREATE TRIGGER {mark}_added AFTER INSERT ON records WHEN NEW.number NOT IN (SELECT number FROM {mark}) BEGIN
        INSERT INTO {mark} (number) VALUES (NEW.number);
    END
    """,
    *(
        f"""
        CREATE TRIGGER {{mark}}_{change} ON records WHEN OLD.number NOT IN (SELECT number FROM {{mark}}) BEGIN
            INSERT INTO {{mark}} VALUES ({", ".join([f"OLD.{column}" for column in _COLUMNS])});
        END
        """
        for change in ("changed AFTER UPDATE", "deleted AFTER DELETE")
    ),
)
UNDO: Final = (
    "DELETE FROM records WHERE number IN (SELECT number FROM {mark})",
    f"INSERT INTO records SELECT {', '.join(_COLUMNS)} FROM {{mark}} WHERE kind IS NOT NULL",
)
UNMARK: Final = (
    *(f"DROP TRIGGER IF EXISTS {{mark}}_{change}" for change in ("added", "changed", "deleted")),
    "DROP TABLE {mark}",
)

# An empty text is stored as NULL: for each `None`, `sqlite3` searches for an adapter, which takes a microsecond.
PUT: Final = """
INSERT INTO records (kind, key, lists, amount, due, record, apart) VALUES (?, ?, ?, ?, nullif(?, ''), ?, nullif(?, ''))
ON CONFLICT (key, kind) DO UPDATE
SET lists = excluded.lists, amount = excluded.amount, due = excluded.due,
    record = excluded.record, apart = excluded.apart
"""


Kinds = Mapping[str, TableKind[Any]]


def prepare(connection: sqlite3.Connection, path: str, kinds: Kinds) -> None:
    """Create the schema in a new file, and check or convert that of any other, inside a transaction.

    Raises:
        StateError: If the file is another application's or a newer version's. It is unchanged.
    """
    if number_of(connection, "schema_version") == 0:
        for sql in CREATE:
            connection.execute(sql)
    elif check(connection, path) < SCHEMA:
        _convert(connection, kinds)


def check(connection: sqlite3.Connection, path: str) -> int:
    """Refuse a file that is not an emulator's, and return its schema.

    Raises:
        StateError: If the file is another application's or a newer version's.
    """
    if number_of(connection, "application_id") != APPLICATION:
        raise StateError(f"{path} is not the database of an emulator")
    schema = number_of(connection, "user_version")
    check_schema(schema, SCHEMA, path)
    return schema


def _convert(connection: sqlite3.Connection, kinds: Kinds) -> None:
    """Copy the records of schema 1 into the present tables. A damaged one stays in its lists that are still kept."""
    for sql in (*_SET_ASIDE, *CREATE):
        connection.execute(sql)
    copy = "INSERT INTO records SELECT number, kind, key, ?, ?, due, record, apart FROM records_1 WHERE number = ?"
    for number, *row in connection.execute("SELECT number, kind, key, lists, record FROM records_1"):
        connection.execute(copy, (*_listing_today(kinds, *row), number))
    connection.execute("DROP TABLE records_1")


def _listing_today(kinds: Kinds, kind: str, key: str, lists: str, record: str) -> tuple[str, int]:
    with contextlib.suppress(*_DAMAGE):
        return _listing(kinds[kind], decoded_key(key), json.loads(record))
    with contextlib.suppress(*_DAMAGE):
        names = map(decoded_key, json.loads(lists))
        return _encoded_lists(tuple([name for name in names if name in kinds[kind].parts_of(name)])), 0
    return "[]", 0


def number_of(connection: sqlite3.Connection, pragma: str) -> int:
    """Return the value of a pragma."""
    number: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number


def columns(
    kind: TableKind[RecordT], key: Key, record: RecordT, hide: Callable[[Any, Any], Any]
) -> tuple[str, str, int, float | str, str, str]:
    """Return what is put of a record: key, lists, amount, due, record, apart, the last two without secrets."""
    listing = _listing(kind, key, record)
    apart = ""
    due = kind.due_of(record)
    record = hide(record, kind.record)
    if kind.has_apart(record):
        apart = to_text({field: value for field, value in record.items() if field == kind.apart})
        record = kind.brief(record)
    return encoded_key(key), *listing, "" if due is None else due, to_text(record), apart


def _listing(kind: TableKind[RecordT], key: Key, record: RecordT) -> tuple[str, int]:
    """Return the lists that a record is in, and what it adds to their sums."""
    return _encoded_lists(kind.lists_of(key, record)), kind.amount(record)


@lru_cache(maxsize=1024)  # records of a kind are in few lists
def _encoded_lists(names: tuple[Key, ...]) -> str:
    return json.dumps([encoded_key(name) for name in names])


@lru_cache(maxsize=1024)
def encoded_key(key: Key) -> str:
    """Encode a key so that a prefix of the key is a prefix of its text: each part is followed by a comma."""
    return "".join([f"{encode_basestring_ascii(part)}," for part in key])


def decoded_key(text: str) -> Key:
    """Decode a key."""
    return tuple(json.loads(f"[{text[:-1]}]"))


_AFTER_ALL: Final = "\x7f"
"""Sorts after every key: keys are ASCII."""

_log: Final = logging.getLogger("fibonacci.emulator")


class Executor(Protocol):
    """Executes statements.

    Attributes:
        hide: Returns a record without secrets.
        put_back: Returns a record as it was before.
        heal: Returns a record in valid Unicode, given the name of its table and its key.
    """

    hide: Callable[[Any, Any], Any]
    put_back: Callable[[Any], Any]

    def heal(self, kind: str, key: Key, record: Any) -> Any:
        """Return a record in which invalid Unicode is replaced, and report it."""
        ...

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        """Execute one statement in the present transaction."""
        ...


class SqliteTable(Generic[RecordT]):
    """A table in a file.

    Args:
        store: Executes its statements.
        kind: The kind of its records.
    """

    def __init__(self, store: Executor, kind: TableKind[RecordT]) -> None:
        self._store = store
        self._kind = kind
        self._name = kind.name

    def get(self, *key: str) -> RecordT | None:
        """Return one record, or `None`."""
        text = encoded_key(key)
        sql = "SELECT record, apart FROM records WHERE kind = ? AND key = ?"
        row = self._store.execute(sql, self._name, text).fetchone()
        return None if row is None else self._decoded(text, *row)

    def put(self, *key: str, record: RecordT) -> None:
        """Add a record, or replace it in its place."""
        self._store.execute(PUT, self._name, *columns(self._kind, key, record, self._store.hide))

    def delete(self, *key: str) -> bool:
        """Remove a record, and return whether it existed."""
        sql = "DELETE FROM records WHERE kind = ? AND key = ?"
        return self._store.execute(sql, self._name, encoded_key(key)).rowcount > 0

    def rows(
        self,
        *name: str,
        newest_first: bool = False,
        after: int | None = None,
        brief: bool = False,
        skip: int = 0,
        search: Search | None = None,
    ) -> Iterator[tuple[int, RecordT]]:
        """Iterate over the records of a list, but skip and log damaged ones."""
        is_whole = not brief or (search is not None and self._kind.apart in search.fields)
        columns = "key, record, apart" if is_whole else "key, record"
        for number, key, *texts in self._listed(columns, name, newest_first, after, skip, search):
            record = self._decoded_or_logged(key, *texts)
            if record is not None and (search is None or search.accepts(record)):
                yield number, self._kind.brief(record) if brief and is_whole and texts[1] else record

    def records(self, *name: str) -> Iterator[RecordT]:
        """Iterate over the records of a list."""
        return (record for _, record in self.rows(*name))

    def keys(self, *name: str) -> Iterator[Key]:
        """Iterate over the keys of a list."""
        return (decoded_key(key) for _, key in self._listed("key", name))

    def items(self) -> Iterator[tuple[Key, RecordT]]:
        """Iterate over all records with their keys."""
        sql = "SELECT key, record, apart FROM records WHERE kind = ? ORDER BY number"
        for key, record, apart in self._store.execute(sql, self._name):
            decoded = self._decoded_or_logged(key, record, apart)
            if decoded is not None:
                yield decoded_key(key), decoded

    def due(self, now: float) -> Iterator[Key]:
        """Iterate over the keys of the records that are due by a time."""
        sql = "SELECT key FROM records WHERE kind = ? AND due <= ? ORDER BY due, key"
        return (decoded_key(key) for (key,) in self._store.execute(sql, self._name, now))

    def count(self, *name: str) -> int:
        """Return the number of records of a list."""
        return self._sum("count", name)

    def total(self, *name: str) -> int:
        """Return the sum of the amounts of the records of a list."""
        return self._sum("total", name)

    def _sum(self, column: str, name: Key) -> int:
        parts = self._kind.parts_of(name)
        sql = " UNION ALL ".join([f"SELECT {column} FROM counts WHERE kind = ? AND list = ?"] * len(parts))
        values = [value for part in parts for value in (self._name, encoded_key(part))]
        return sum([number for (number,) in self._store.execute(sql, *values)])

    def counts(self, *name: str) -> dict[str, int]:
        """Return the number of records of each list below `name`."""
        start = encoded_key(name)
        sql = "SELECT list, count FROM counts WHERE kind = ? AND list > ? AND list < ?"
        rows = self._store.execute(sql, self._name, start, start + _AFTER_ALL)
        counts = ((decoded_key(text), count) for text, count in rows)
        return {key[-1]: count for key, count in counts if len(key) == len(name) + 1}

    def delete_all(self, *prefix: str) -> None:
        """Remove every record whose key begins with `prefix`."""
        start = encoded_key(prefix)
        sql = "DELETE FROM records WHERE kind = ? AND key >= ? AND key < ?"
        self._store.execute(sql, self._name, start, start + _AFTER_ALL)

    def _listed(
        self,
        columns: str,
        name: Key,
        newest_first: bool = False,
        after: int | None = None,
        skip: int = 0,
        search: Search | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        order, beyond = ("DESC", "<") if newest_first else ("ASC", ">")
        where = ""
        compared: list[Any] = []
        if after is not None:
            where = f" AND lists.number {beyond} ?"
            compared.append(after)
        for condition, *values in () if search is None else _conditions(search):
            where += f" AND ({condition})"
            compared += values
        part = (
            f"SELECT lists.number, {columns} FROM lists CROSS JOIN records ON records.number = lists.number"
            f" WHERE lists.kind = ? AND list = ?{where}"
        )
        names = [encoded_key(name) for name in self._kind.parts_of(name)]
        values = [value for name in names for value in (self._name, name, *compared)]
        sql = f"{' UNION ALL '.join([part] * len(names))} ORDER BY 1 {order}"
        return self._store.execute(f"{sql} LIMIT -1 OFFSET ?" if skip else sql, *values, *([skip] if skip else []))

    def _decoded(self, key: str, record: str, apart: str | None = None) -> RecordT:
        try:
            decoded: Any = json.loads(record)
            if not is_object(decoded):
                raise ValueError("it is not an object")
            if apart is not None:
                decoded = {**decoded, **json.loads(apart)}
                record += apart
            if SURROGATE in record:
                decoded = self._store.heal(self._name, decoded_key(key), decoded)
            return cast("RecordT", self._store.put_back(decoded) if SECRET in record else decoded)
        except (ValueError, TypeError, RecursionError) as error:
            raise UnreadableRecordError(
                f"the record {'/'.join(decoded_key(key))} of {self._name} is damaged ({error}): "
                "restore a snapshot or reset the state"
            ) from error

    def _decoded_or_logged(self, key: str, record: str, apart: str | None = None) -> RecordT | None:
        try:
            return self._decoded(key, record, apart)
        except UnreadableRecordError as error:
            log(_log, logging.ERROR, "%s", error)
            return None


def _conditions(search: Search) -> Iterator[tuple[Any, ...]]:
    """Yield conditions that all wanted records meet, and few others, each with its values. Damaged ones meet them too.

    A text is first searched for in the record as it is stored, which is enough for most.
    """
    time = f"NOT json_valid(record) OR json_extract(record, '$.{search.time}')"
    if search.begin is not None:
        yield f"{time} >= ?", search.begin
    if search.end is not None:
        yield f"{time} < ?", search.end
    if search.text:
        pattern = _pattern(search.text)
        yield "record LIKE ? ESCAPE '!' OR apart LIKE ? ESCAPE '!'", pattern, pattern
        fields = [
            f"CASE WHEN json_valid({column}) THEN json_extract({column}, '$.{field}') END LIKE ? ESCAPE '!'"
            for field in search.fields
            for column in ("record", "apart")
        ]
        yield " OR ".join(["NOT json_valid(record)", *fields]), *[pattern] * len(fields)


def _pattern(text: str) -> str:
    """Return a pattern for the JSON of what mentions a text. `LIKE` knows the cases of ASCII letters alone."""
    parts = [
        re.sub("[%_!]", r"!\g<0>", to_text(character)[1:-1])
        if character.lower() == character.upper() or character.isascii()
        else "%"
        for character in text
    ]
    return f"%{''.join(parts)}%"


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
# A run changes some ten pages, which are written whole. Many are the same as those of the run before, so that a longer
# log is copied to the file in fewer writes. Beside SQLite's defaults of 4096 and 1000, both together save a quarter of
# the time of a commit:
_PAGE: Final = 2048
_PAGES_IN_LOG: Final = 4000
_PRIMARY: Final = 0xFF  # the primary code of an extended one


class StateFile:
    """An open file.

    Args:
        path: The file, created if it does not exist.
        busy_timeout: Seconds to wait for another process that is writing.
        kinds: The kinds of records by name.

    Attributes:
        connection: The connection to it.
        is_read_only: Whether it can only be read.

    Raises:
        StateError: If it cannot be opened, is not an emulator's, or was written by a newer version.
    """

    def __init__(self, path: Path, busy_timeout: float, kinds: Kinds) -> None:
        self._path = path
        self.connection: sqlite3.Connection
        self.is_read_only: bool
        self.connection, self.is_read_only = _open(path, busy_timeout, kinds)
        self._log = None if self.is_read_only else Path(f"{path}-wal")
        try:
            self._seen = _status_of(path)
            self._log_seen = None if self._log is None else _status_of(self._log)
        except BaseException:
            self.connection.close()
            raise

    def check(self) -> None:
        """Refuse a file that is not the one opened, or was damaged meanwhile: writes to it would be lost.

        Raises:
            StateError: If it was removed, replaced, truncated or overwritten.
        """
        status = _status_of(self._path)
        if not _is_same(status, self._seen):
            raise StateError(f"{self._path} was replaced while it was open: restart the emulator")
        if self._log is not None and not _is_same(_status_of(self._log), self._log_seen):
            raise StateError(f"{self._log} was replaced while it was open: restart the emulator")
        if status.st_size < self._seen.st_size and not self._is_complete(status.st_size):
            raise StateError(f"{self._path} was truncated while it was open: it is corrupt")
        if status.st_mtime_ns != self._seen.st_mtime_ns:  # by a checkpoint, of this process or another, or by others
            self._check_content()
            self._seen = status

    def _is_complete(self, size: int) -> bool:
        """Return whether the file has all pages that its header counts: a VACUUM makes it smaller too."""
        with self._path.open("rb") as file:
            header = file.read(_HEADER)
        pages = int.from_bytes(header[28:32], "big")
        page_size = int.from_bytes(header[16:18], "big")
        return 0 < pages * (65_536 if page_size == 1 else page_size) <= size

    def _check_content(self) -> None:
        """Read the beginning of the file from the disk, because the cache may be out of date."""
        probe = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)
        try:
            check(probe, str(self._path))
        finally:
            probe.close()
        self.connection.execute("PRAGMA shrink_memory")


def _status_of(path: Path) -> os.stat_result:
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
        return StateError(f"{path} is corrupt ({error}): remove it or replace it with a copy, and restart")
    return StateError(f"{path} cannot be used as the database of an emulator: {error}")


def _open(path: Path, busy_timeout: float, kinds: Kinds) -> tuple[sqlite3.Connection, bool]:
    existed = path.is_file() and path.stat().st_size > 0
    try:
        check_database(path)
    except OSError as error:
        file = path if error.filename is None else error.filename
        raise StateError(f"{file} cannot be opened: {error.strerror}") from error
    with contextlib.suppress(OSError):  # SQLite says what is wrong, too
        make_private(path)
    try:
        return _open_for_writing(path, busy_timeout, kinds), False
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


def _open_for_writing(path: Path, busy_timeout: float, kinds: Kinds) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute("BEGIN IMMEDIATE")  # of two processes that create the file, one finds it created
        prepare(connection, str(path), kinds)
        connection.execute("COMMIT")
        use_write_ahead_log(connection, busy_timeout)
        # safe after a kill, but a power failure may lose the last transactions:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_IN_LOG}")
        number_of(connection, "schema_version")  # creates the write-ahead log
    except BaseException:
        connection.close()
        raise
    return connection


def _open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a file that cannot be written, or whose write-ahead log cannot be created.

    Without a log that has changes, SQLite may assume that nobody changes the file.
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
        if check(connection, str(path)) < SCHEMA:
            raise StateError(f"{path} is of an earlier fibonacci-sdk: make it writable, so that it can be converted")
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


BUSY_TIMEOUT: Final = 5.0
"""Seconds to wait for another process that is writing."""

_NO_FILES: Final = ("", ":memory:")
"""What SQLite keeps in no file. As a path, the second would name one."""


class SqliteStore(Store):
    """The state in a file.

    Args:
        path: The file, created if it does not exist.
        busy_timeout: Seconds to wait for another process that is writing.

    Raises:
        StateError: If it cannot be opened, is not an emulator's, or was written by a newer version.
    """

    def __init__(self, path: str | Path, busy_timeout: float = BUSY_TIMEOUT) -> None:
        if os.fspath(path) in _NO_FILES:
            raise StateError(f"{os.fspath(path)!r} is not the name of a file: leave it out to keep the state in memory")
        self._path: Final = Path(path).absolute()
        self._busy_timeout: Final = busy_timeout
        self._file: StateFile | None = None
        self._finalizer: weakref.finalize[[], SqliteStore] | None = None
        self._is_reading = False
        self._healed: dict[tuple[str, Key], None] = {}  # what was read other than it is stored, until that is replaced
        self._marks: list[str] = []
        super().__init__(self._path)
        if not self._opened().is_read_only and self._abandoned():
            with self.transaction():
                self._drop_abandoned()

    @property
    def is_reading(self) -> bool:
        """Whether the transaction must not write."""
        return self._is_reading

    def connection(self) -> sqlite3.Connection:
        """Return the connection to the file.

        Raises:
            StateError: If it was closed.
        """
        return self._opened().connection

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        """Execute one statement in the present transaction."""
        return (self._file or self._opened()).connection.execute(sql, values)

    def heal(self, kind: str, key: Key, record: Any) -> Any:
        """Return a record in which invalid Unicode is replaced, and report it. The next change stores it."""
        healed = super().heal(kind, key, record)
        if healed is not record:
            self._healed[kind, key] = None
        return healed

    def has_due(self, now: float) -> bool:
        """Return whether a record of any table is due by a time, with one search instead of one for each table."""
        return self.execute("SELECT 1 FROM records WHERE due <= ? LIMIT 1", now).fetchone() is not None

    @contextmanager
    def transaction(self, patience: float | None = None) -> Generator[None]:
        """Lock the state, for this process and others, and make all changes inside or none."""
        with self._lock:
            if self.connection().in_transaction:
                yield
                return
            # not a read lock, which cannot always be upgraded to a write lock:
            self._begin("BEGIN IMMEDIATE", self._busy_timeout if patience is None else patience)
            yield from self._all_or_nothing()

    @contextmanager
    def reading(self) -> Generator[None]:
        """Lock the state for reading, without seeing changes by other processes until the end."""
        with self._lock:
            if self.connection().in_transaction:
                yield
                return
            self._begin("BEGIN", self._busy_timeout)
            self._is_reading = True
            try:
                yield from self._all_or_nothing()
            finally:
                self._is_reading = False

    def _set_mark(self, number: int) -> None:
        self._drop_abandoned()
        mark = f"mark_{self.owners.own()}_{number}"
        self._execute_all(MARK, mark)
        self._marks[number:] = [mark]

    def _undo(self, number: int) -> None:
        self._execute_all((*UNMARK[:-1], *UNDO, UNMARK[-1]), self._marks[number])

    def _drop_abandoned(self) -> None:
        """Drop the marks of processes that were killed: what has changed since stays."""
        for mark in self._abandoned():
            self._execute_all(UNMARK, mark)

    def _abandoned(self) -> list[str]:
        rows = self.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'mark_*'").fetchall()
        marks = [name for (name,) in rows if name not in self._marks]
        return [mark for mark in marks if not self.owners.is_alive(mark.split("_")[1])]

    def _execute_all(self, statements: Iterable[str], mark: str) -> None:
        for sql in statements:
            self.execute(sql.format(mark=mark))

    def open(self) -> None:
        """Open the file again after `close`."""
        self.is_closed: bool = False
        self.connection()

    def close(self) -> None:
        """Close the file, which only `open` opens again."""
        with self._lock:
            self.is_closed = True
            self.owners.release()
            finalizer, self._finalizer, self._file = self._finalizer, None, None
            if finalizer is not None:
                finalizer()

    def _opened(self) -> StateFile:
        if self.is_closed:
            raise StateError(f"{self._path} was closed: open it again with start()")
        if self._file is None:
            with self._lock:
                self._file = StateFile(self._path, self._busy_timeout, self.kinds)
                self._finalizer = weakref.finalize(self, self._file.connection.close)
        return self._file

    def _begin(self, statement: str, patience: float) -> None:
        file = self._opened()
        if file.is_read_only and statement != "BEGIN":
            raise StateReadOnlyError(f"{self._path} is read-only: nothing was changed")
        try:
            file.check()
            if patience != self._busy_timeout:
                file.connection.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            try:
                file.connection.execute(statement)
            finally:
                if patience != self._busy_timeout:
                    file.connection.execute(f"PRAGMA busy_timeout = {round(self._busy_timeout * 1000)}")
        except sqlite3.Error as error:
            raise explained(error, self._path, patience) from error

    def _all_or_nothing(self) -> Generator[None]:
        connection = self.connection()
        try:
            yield
            if self._healed and not self._is_reading:
                self._replace_healed()
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            connection.rollback()
            raise explained(error, self._path, self._busy_timeout) from error
        except BaseException:
            connection.rollback()
            raise

    def _replace_healed(self) -> None:
        for kind, key in list(self._healed):
            table = self._tables[kind]
            record = table.get(*key)
            healed_key = tuple(map(in_unicode, key))
            if healed_key != key:
                table.delete(*key)
            if record is not None:
                table.put(*healed_key, record=record)
        self._healed.clear()

    def _new_table(self, kind: TableKind[RecordT]) -> Table[RecordT]:
        return SqliteTable(weakref.proxy(self), kind)  # no cycle: the file is closed with the last reference
