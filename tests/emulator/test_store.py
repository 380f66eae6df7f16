from __future__ import annotations

import gc
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fibonacci import ServerError
from fibonacci.emulator import Emulator, StateError
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.state.snapshot import SCHEMA
from fibonacci.emulator.state.sqlite import SCHEMA as FILE_SCHEMA
from fibonacci.emulator.state.sqlite import SqliteStore, use_write_ahead_log
from fibonacci.emulator.state.store import Store
from tests.kit.assertions import each_row


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = Store() if request.param == "memory" else SqliteStore(tmp_path / "state.db")
    yield made
    made.close()


def number_of(store: Store, prefix: tuple[str, ...] = ()) -> list[int]:
    records: Iterator[Any] = store.memory.records(*prefix)
    return [record["n"] for record in records]


def numbered(n: int) -> Any:
    """Return a record; the store reads no field of it."""
    return {"n": n}


def test_records_are_put_read_replaced_and_deleted(store: Store) -> None:
    assert store.memory.get("a") is None
    assert not store.memory.delete("a")
    store.memory.put("a", record=numbered(1))
    store.memory.put("b", record=numbered(2))
    store.memory.put("a", record=numbered(3))
    assert store.memory.get("a") == numbered(3)
    assert number_of(store) == [3, 2]
    assert (store.memory.count(), store.workflows.count()) == (2, 0)
    assert store.memory.delete("a")
    store.memory.put("a", record=numbered(4))
    assert number_of(store) == [2, 4]
    assert store.workflows.get("a") is None


def test_rows_have_permanent_numbers_in_both_directions(store: Store) -> None:
    for n in range(5):
        store.memory.put(f"k{n}", record=numbered(n))
    first = dict(store.memory.rows())
    store.memory.delete("k1")
    store.memory.put("k0", record=numbered(0))
    later: list[tuple[int, Any]] = list(store.memory.rows(newest_first=True))
    assert [record["n"] for _, record in later] == [4, 3, 2, 0]
    assert all(first[number] == record for number, record in later)
    assert [number for number, _ in later] == sorted((number for number, _ in later), reverse=True)


def test_a_prefix_is_made_of_whole_parts(store: Store) -> None:
    keys = [("a", "x"), ("a", "y"), ("ab", "x"), ("a,", "x"), ('a"', "x"), ("ä\ud800", "x"), ("", "x"), ("a",)]
    for n, key in enumerate(keys):
        store.memory.put(*key, record=numbered(n))
    assert number_of(store, ("a",)) == [0, 1, 7]
    assert number_of(store, ("ä\ud800",)) == [5]
    assert number_of(store, ("",)) == [6]
    assert [key for key, _ in store.memory.items()] == keys
    store.memory.delete_all("a")
    assert number_of(store) == [2, 3, 4, 5, 6]
    store.memory.delete_all()
    assert number_of(store) == []


def test_what_has_no_lists_is_read_by_key_and_deleted_by_prefix(store: Store) -> None:
    keys = [("e1", "a"), ("e2", "a"), ("e1", "b"), ("e2", "b")]
    for key in keys:
        store.traces.put(*key, record={"reason": key[0]})
    assert (store.traces.count(), list(store.traces.records())) == (0, [])
    assert store.traces.get("e1", "b") == {"reason": "e1"}
    store.traces.delete_all("e1")
    assert [key for key, _ in store.traces.items()] == keys[1::2]
    if isinstance(store, SqliteStore):
        assert store.execute("SELECT count(*) FROM lists").fetchone() == (0,)


def test_values_round_trip(store: Store) -> None:
    members: Any = [10**30, -0.1, [{}], True]
    record: Any = {"a": None, "ä\0": "ä\U0001f600\0", "b": members, "": {"": list[int]()}}
    store.memory.put("k", record=record)
    assert store.memory.get("k") == record


def test_a_snapshot_is_complete_and_fits_either_kind_of_store(store: Store, tmp_path: Path) -> None:
    store.memory.put("workflow", "", "k", record=numbered(1))
    store.workflows.put("wf-1", record=numbered(2))
    snapshot = store.snapshot()
    store.workflows.put("wf-2", record=numbered(3))
    store.reset()
    assert list(store.workflows.records()) == []
    store.restore(snapshot)
    assert store.snapshot() == snapshot
    other = SqliteStore(tmp_path / "other.db")
    for target in (Store(), other):
        target.restore(snapshot)
        assert target.snapshot() == snapshot
    other.close()


@each_row("snapshot", [b"", b"{", b"[]", b"{}", b'{"format": "x"}', b"\xff"])
def test_restoring_something_else_changes_nothing(store: Store, snapshot: bytes) -> None:
    store.memory.put("k", record=numbered(1))
    with pytest.raises(StateError, match="not a snapshot"):
        store.restore(snapshot)
    assert number_of(store) == [1]


def test_a_snapshot_of_a_newer_version_says_so(store: Store) -> None:
    newer = json.loads(store.snapshot()) | {"schema": SCHEMA + 1}
    with pytest.raises(
        StateError, match=rf"newer fibonacci-sdk \(schema {SCHEMA + 1}, but this version reads up to {SCHEMA}\)"
    ):
        store.restore(json.dumps(newer).encode())


def test_a_snapshot_with_tables_that_are_not_known_changes_nothing(store: Store) -> None:
    store.memory.put("k", record=numbered(1))
    content = json.loads(store.snapshot())
    content["tables"]["dreams"] = []
    with pytest.raises(StateError, match="does not know"):
        store.restore(json.dumps(content).encode())
    assert number_of(store) == [1]


def test_a_transaction_is_atomic(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    with store.transaction(), store.transaction():
        store.memory.put("a", record=numbered(1))
    transaction = store.transaction()
    transaction.__enter__()
    store.memory.put("b", record=numbered(2))
    transaction.__exit__(ValueError, ValueError(), None)
    assert number_of(store) == [1]
    store.close()


def test_only_open_opens_a_closed_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    store.memory.put("a", record=numbered(1))
    store.close()
    store.close()
    with pytest.raises(StateError, match="was closed"):
        number_of(store)
    store.open()
    assert number_of(store) == [1]
    store.close()


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_path_that_names_no_file_is_refused(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StateError, match="leave it out to keep the state in memory"):
        Emulator(db=path)
    assert not list(tmp_path.iterdir())


def test_a_collected_store_closes_its_file(tmp_path: Path) -> None:
    connection = SqliteStore(tmp_path / "state.db").connection()
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def text_file(path: Path) -> None:
    path.write_bytes(b"no database at all " * 100)


def folder(path: Path) -> None:
    path.mkdir()


def foreign_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE records (x)")
    connection.close()


def newer_database(path: Path) -> None:
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {FILE_SCHEMA + 1}")
    connection.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (text_file, "cannot be used .* not a database"),
        (foreign_database, "not the database of an emulator"),
        (newer_database, "newer fibonacci-sdk"),
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


def test_a_lock_of_another_process_is_waited_for_until_the_busy_timeout(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteStore(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="locked"):
        SqliteStore(path, busy_timeout=0.01)
    other.execute("ROLLBACK")
    emulator = Emulator(db=path)
    store = app_of(emulator).store
    assert isinstance(store, SqliteStore)
    store.connection().execute("PRAGMA busy_timeout = 10")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ServerError, match=r"503 state_locked, .* is locked by another process"):
        emulator.client(max_retries=0).workflows.create(name="x")
    other.execute("ROLLBACK")
    assert emulator.client().workflows.list().first() is None
    other.close()
    emulator.close()


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


def test_lists_follow_their_records_and_count_them(store: Store) -> None:
    def put(name: str, status: str, workflow: str, ended: float | None = None) -> None:
        record: Any = {"status": status, "workflow_id": workflow, "ended": ended}
        store.executions.put(name, record=record)

    for n in range(6):
        put(f"e{n}", "running", f"w{n % 2}")
    for n in (4, 1, 3):  # not in order
        put(f"e{n}", "completed", f"w{n % 2}", ended=1.0)
    assert list(store.executions.keys("status", "completed")) == [("e1",), ("e3",), ("e4",)]
    assert list(store.executions.keys("workflow_id", "w1", "status", "completed")) == [("e1",), ("e3",)]
    assert list(store.executions.keys("ended")) == [("e1",), ("e3",), ("e4",)]
    assert store.executions.counts("status") == {"running": 3, "completed": 3}
    assert (store.executions.count(), store.executions.count("status", "failed")) == (6, 0)
    store.executions.delete("e1")
    store.executions.delete_all("e3")
    assert store.executions.counts("status") == {"running": 3, "completed": 1}
    assert list(store.executions.keys("workflow_id", "w1")) == [("e5",)]
    store.reset()
    assert (store.executions.count(), store.executions.counts("status")) == (0, {})


def test_rows_are_read_from_a_number_on_in_both_directions(store: Store) -> None:
    for n in range(6):
        record: Any = {"status": "failed" if n % 2 == 0 else "completed"}
        store.executions.put(f"e{n}", record=record)
    numbers = [number for number, _ in store.executions.rows()]
    for after in (None, 0, *numbers, 2**62):
        later = [n for n in numbers if after is None or n > after]
        before = [n for n in reversed(numbers) if after is None or n < after]
        assert [n for n, _ in store.executions.rows(after=after)] == later
        assert [n for n, _ in store.executions.rows(newest_first=True, after=after)] == before
        odd = [n for n, _ in store.executions.rows("status", "completed", after=after)]
        assert odd == [n for n in later if n in numbers[1::2]]


def test_what_is_due_comes_in_order_of_time(store: Store) -> None:
    for name, due in (("a", 3.0), ("b", 1), ("c", 2.0), ("d", 9.0)):
        store.timers.put(name, record={"due": due})
    store.timers.put("b", record={"due": 2.5})
    never: Any = {"due": None}
    store.timers.put("c", record=never)
    assert list(store.timers.due(3)) == [("b",), ("a",)]
    store.timers.delete("b")
    assert list(store.timers.due(100)) == [("a",), ("d",)]
    assert list(store.timers.due(0)) == []


@pytest.fixture
def file_of_schema_1(tmp_path: Path) -> Path:
    """Return the path of a file that an emulator wrote when executions were in more lists."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(Path(__file__).with_name("schema_1.sql").read_text("utf-8"))
        connection.execute("UPDATE records SET record = 'damaged' WHERE kind = 'memory' AND key LIKE '%\"l\",'")
        connection.commit()
    return path


def test_a_file_of_schema_1_has_all_records_and_the_lists_of_today(file_of_schema_1: Path) -> None:
    with closing(sqlite3.connect(file_of_schema_1)) as connection:
        before = connection.execute("SELECT number, kind, key, due, record FROM records").fetchall()
    with Emulator(db=file_of_schema_1, api_key="fib-test", time="manual") as emulator:
        client = emulator.client()
        greet, wait = client.workflows.list()
        assert [run.status for run in client.executions.list(workflow_id=wait.id)] == [
            "running",
            "cancelled",
            "completed",
        ]
        assert [run.inputs for run in client.executions.list(status="completed")][1:] == [
            {"name": "Bob"},
            {"name": "Ann"},
        ]
        assert len(list(client.executions.list())) == 5
        with app_of(emulator).store.reading():
            executions = app_of(emulator).store.executions
            assert (executions.count("workflow_id", greet.id), executions.count("ended")) == (2, 4)
            assert (executions.total("workflow_id", wait.id), executions.total()) == (90_000, 90_000)
        emulator.clock.advance(90)
        assert client.executions.list(workflow_id=wait.id, status="completed").first() is not None
        assert [version.version for version in client.versions.list(greet.id)] == [2, 1]
        with pytest.raises(ServerError, match="memory is damaged"):
            client.memory.get("l")
    with closing(sqlite3.connect(file_of_schema_1)) as connection:
        after = connection.execute("SELECT number, kind, key, due, record FROM records").fetchall()
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    unchanged = ("workflows", "versions", "traces")
    assert [row for row in after if row[1] in unchanged] == [row for row in before if row[1] in unchanged]
    assert {name for (name,) in tables} == {"records", "lists", "counts", "sqlite_sequence"}, (
        "no mark of the killed is left"
    )


def test_a_damaged_execution_of_schema_1_stays_in_lists_and_is_dropped_in_turn(file_of_schema_1: Path) -> None:
    with closing(sqlite3.connect(file_of_schema_1)) as connection:
        executions = "SELECT number, key FROM records WHERE kind = 'executions' ORDER BY number"
        number, key = connection.execute(executions).fetchone()
        connection.execute("UPDATE records SET record = 'damaged' WHERE number = ?", (number,))
        connection.commit()
    (damaged,) = json.loads(f"[{key[:-1]}]")
    with Emulator(db=file_of_schema_1, api_key="fib-test", time="manual") as emulator:
        store = app_of(emulator).store
        assert isinstance(store, SqliteStore)
        workflow = next(workflow.id for workflow in emulator.client().workflows.list() if workflow.name == "Greet")
        with store.reading():
            lists = store.execute("SELECT list FROM lists WHERE number = ? ORDER BY list", number).fetchall()
            assert (damaged,) in store.executions.keys("ended")
        assert lists == [('"status","completed",',), (f'"workflow_id","{workflow}","status","completed",',)]
        emulator.keep = 3
        emulator.client().memory.set("k", 1)
        with store.reading():
            assert (damaged,) not in store.executions.keys("ended")
            assert (store.executions.count("ended"), store.traces.get(damaged, "a")) == (3, None)


def test_counts_and_sums_are_those_of_the_records_after_any_change(store: Store) -> None:
    def put(name: str, status: str, workflow: str, seconds: float) -> None:
        record: Any = {"status": status, "workflow_id": workflow, "started": 0.0, "ended": seconds}
        store.executions.put(name, record=record)

    put("a", "completed", "w", 2.0)
    put("b", "failed", "w", 3.0)
    put("c", "completed", "v", 4.0)
    store.mark()
    put("a", "failed", "w", 2.5)  # it moves
    put("b", "failed", "w", 3.5)  # it stays, and adds more
    store.executions.delete("c")
    assert (store.executions.count("status", "failed"), store.executions.count("status", "completed")) == (2, 0)
    assert (store.executions.total("workflow_id", "w"), store.executions.total("workflow_id", "v")) == (6_000, 0)
    assert store.executions.counts("status") == {"failed": 2}
    store.undo(0)
    assert (store.executions.total("workflow_id", "w"), store.executions.total("ended")) == (5_000, 9_000)
    assert store.executions.counts("status") == {"completed": 2, "failed": 1}
