"""The schema of an emulator's SQLite file, in SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from fibonacci.emulator.state.errors import StateError
from fibonacci.emulator.state.json_encoding import to_text
from fibonacci.emulator.state.schema import SCHEMA, check_schema
from fibonacci.emulator.state.tables import Key, Record, TableKind

APPLICATION: Final = 0x46494245
"""The application id of an emulator's SQLite file: the letters FIBE."""

# `record` and `apart` are JSON objects of the fields; `apart` is NULL unless a large field is kept there, behind the
# others, so that brief records are read without it. `lists` is a JSON array of the lists that the record is in, from
# which triggers keep the tables `lists` and `counts`: a page is one search, and a count is one row.
CREATE: Final = (
    """
    CREATE TABLE records (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        lists TEXT NOT NULL,
        due REAL,
        record TEXT NOT NULL,
        apart TEXT,
        UNIQUE (kind, key)
    )
    """,
    "CREATE INDEX records_due ON records (kind, due, key) WHERE due IS NOT NULL",
    "CREATE TABLE lists (kind TEXT, list TEXT, number INTEGER, PRIMARY KEY (kind, list, number)) WITHOUT ROWID",
    "CREATE TABLE counts (kind TEXT, list TEXT, count INTEGER, PRIMARY KEY (kind, list)) WITHOUT ROWID",
    """
    CREATE TRIGGER record_added AFTER INSERT ON records BEGIN
        INSERT INTO lists SELECT NEW.kind, value, NEW.number FROM json_each(NEW.lists);
    END
    """,
    """
    CREATE TRIGGER record_moved AFTER UPDATE OF lists ON records WHEN OLD.lists <> NEW.lists BEGIN
        DELETE FROM lists WHERE kind = OLD.kind AND list IN (SELECT value FROM json_each(OLD.lists))
            AND number = OLD.number;
        INSERT INTO lists SELECT NEW.kind, value, NEW.number FROM json_each(NEW.lists);
    END
    """,
    """
    CREATE TRIGGER record_deleted AFTER DELETE ON records BEGIN
        DELETE FROM lists WHERE kind = OLD.kind AND list IN (SELECT value FROM json_each(OLD.lists))
            AND number = OLD.number;
    END
    """,
    """
    CREATE TRIGGER counted AFTER INSERT ON lists BEGIN
        INSERT INTO counts VALUES (NEW.kind, NEW.list, 1)
            ON CONFLICT (kind, list) DO UPDATE SET count = count + 1;
    END
    """,
    """
    CREATE TRIGGER uncounted AFTER DELETE ON lists BEGIN
        UPDATE counts SET count = count - 1 WHERE kind = OLD.kind AND list = OLD.list;
        DELETE FROM counts WHERE kind = OLD.kind AND list = OLD.list AND count = 0;
    END
    """,
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {SCHEMA}",
)

PUT: Final = """
INSERT INTO records (kind, key, lists, due, record, apart) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE
SET lists = excluded.lists, due = excluded.due, record = excluded.record, apart = excluded.apart
"""


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """Create the schema in a new file, and check that of any other; inside a transaction.

    Raises:
        StateError: If the file is another application's or a newer version's; it is unchanged.
    """
    if number_of(connection, "schema_version") == 0:
        for sql in CREATE:
            connection.execute(sql)
    else:
        check(connection, path)


def check(connection: sqlite3.Connection, path: str) -> None:
    """Refuse a file that is not an emulator's.

    Raises:
        StateError: If the file is another application's or a newer version's.
    """
    if number_of(connection, "application_id") != APPLICATION:
        raise StateError(f"{path} is not the database of an emulator")
    check_schema(number_of(connection, "user_version"), path)


def number_of(connection: sqlite3.Connection, pragma: str) -> int:
    """Return the value of a pragma."""
    number: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number


def columns(
    kind: TableKind, key: Key, record: Record, hide: Callable[[Any], Any]
) -> tuple[str, str, float | None, str, str | None]:
    """Return what is stored of a record: key, lists, due, record, apart; the last two without secrets."""
    lists = _encoded_lists(kind.lists_of(key, record))
    apart = None
    due = kind.due_of(record)
    record = hide(record)
    if kind.has_apart(record):
        apart = to_text({field: value for field, value in record.items() if field == kind.apart})
        record = {field: value for field, value in record.items() if field != kind.apart}
    return encoded_key(key), lists, due, to_text(record), apart


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
