from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fibonacci.emulator import Emulator, StateError
from fibonacci.emulator.state.schema import SCHEMA
from fibonacci.emulator.state.sqlite import use_write_ahead_log
from fibonacci.emulator.state.store import Store


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = Store(None if request.param == "memory" else tmp_path / "state.db")
    yield made
    made.close()


def test_a_snapshot_of_another_version_says_so(store: Store) -> None:
    for schema, message in ((SCHEMA + 1, f"newer fibonacci-sdk .schema {SCHEMA + 1}, but"), (1, "development version")):
        other = json.loads(store.snapshot()) | {"schema": schema}
        with pytest.raises(StateError, match=message):
            store.restore(json.dumps(other).encode())


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_path_that_names_no_file_is_refused(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StateError, match="leave it out to keep the state in memory"):
        Emulator(db=path)
    assert not list(tmp_path.iterdir())


def text_file(path: Path) -> None:
    path.write_bytes(b"no database at all " * 100)


def folder(path: Path) -> None:
    path.mkdir()


def foreign_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE records (x)")
    connection.close()


def database_of(schema: int, path: Path) -> None:
    Store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema}")


def newer_database(path: Path) -> None:
    database_of(SCHEMA + 1, path)


def older_database(path: Path) -> None:
    database_of(SCHEMA - 1, path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (text_file, "cannot be used .* not a database"),
        (foreign_database, "not the database of an emulator"),
        (newer_database, "newer fibonacci-sdk"),
        (older_database, "development version of fibonacci-sdk"),
        (folder, "cannot be opened"),
    ],
)
def test_a_foreign_file_is_refused_and_unchanged(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "state.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StateError, match=message) as caught:
        Emulator(db=path)
    assert str(path) in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


class Busy:
    """A connection to a file that is locked for a number of attempts."""

    def __init__(self, tries: int) -> None:
        self.tries = tries

    def execute(self, sql: str) -> None:
        assert "WAL" in sql
        self.tries -= 1
        if self.tries >= 0:
            raise sqlite3.OperationalError("database is locked")


def test_the_switch_to_the_write_ahead_log_is_repeated_until_the_busy_timeout() -> None:
    busy: Any = Busy(2)
    use_write_ahead_log(busy, busy_timeout=30)
    assert busy.tries == -1
    always_busy: Any = Busy(1_000_000)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_write_ahead_log(always_busy, busy_timeout=-1)
