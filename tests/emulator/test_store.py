from __future__ import annotations

import gc
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fibonacci import ServerError
from fibonacci.emulator import Emulator, StateError
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.state import executions
from fibonacci.emulator.state.schema import SCHEMA
from fibonacci.emulator.state.sqlite import use_write_ahead_log
from fibonacci.emulator.state.store import Store
from tests.kit.assertions import each_row


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = Store(None if request.param == "memory" else tmp_path / "state.db")
    yield made
    made.close()


def put(store: Store, key: str, n: int, scope: str = "global") -> None:
    store.memory.put(scope, "", key, record=numbered(n))


def numbered(n: int) -> Any:
    """Return a record; the store reads no field of it but `expires`."""
    return {"n": n}


def numbers_of(store: Store, where: Mapping[str, str] | None = None) -> list[int]:
    records: Iterator[Any] = store.memory.records(where or {})
    return [record["n"] for record in records]


def test_records_are_put_read_replaced_and_deleted(store: Store) -> None:
    a = ("global", "", "a")
    assert store.memory.get(*a) is None
    assert not store.memory.delete(*a)
    put(store, "a", 1)
    put(store, "b", 2)
    put(store, "a", 3)
    assert store.memory.get(*a) == numbered(3)
    assert numbers_of(store) == [3, 2]
    assert (store.memory.count(), store.workflows.count()) == (2, 0)
    assert store.memory.delete(*a)
    put(store, "a", 4)
    assert numbers_of(store) == [2, 4]


def test_rows_have_permanent_numbers_in_both_directions(store: Store) -> None:
    for n in range(5):
        put(store, f"k{n}", n)
    first = dict(store.memory.rows())
    store.memory.delete("global", "", "k1")
    put(store, "k0", 0)
    later: list[tuple[int, Any]] = list(store.memory.rows(newest_first=True))
    assert [record["n"] for _, record in later] == [4, 3, 2, 0]
    assert all(first[number] == record for number, record in later)
    assert [number for number, _ in later] == sorted((number for number, _ in later), reverse=True)


def test_records_are_listed_and_deleted_by_a_column(store: Store) -> None:
    scopes = ["a", "ab", "a,", 'a"', "ä", ""]
    for n, scope in enumerate(scopes):
        put(store, "x", n, scope)
        put(store, "y", n, scope)
    for n, scope in enumerate(scopes):
        assert numbers_of(store, {"scope": scope}) == [n, n]
    store.memory.delete_all({"scope": "a"})
    assert numbers_of(store, {"scope": "ab"}) == [1, 1]
    assert len(numbers_of(store)) == 10
    store.memory.delete_all()
    assert numbers_of(store) == []


def test_values_round_trip(store: Store) -> None:
    members: Any = [10**30, -0.1, [{}], True]
    record: Any = {"a": None, "ä\0": "ä\U0001f600\0", "b": members, "": {"": list[int]()}}
    store.memory.put("global", "", "k", record=record)
    assert store.memory.get("global", "", "k") == record


def execution(name: str, status: str = "running", workflow: str = "w", **more: Any) -> Any:
    record: Any = {"id": name, "workflow_id": workflow, "workflow_version": 1, "status": status, "role": "owner"}
    times = {"created": 0.5, "started": 1.0, "ended": None if status in executions.UNFINISHED else 2.0}
    return record | {"inputs": {"a": 1}, "outputs": {}, "error": None, "nodes": [], **times} | more


def node(name: str, output: Any = None) -> Any:
    return {"id": name, "output": output, "phase": None, "call": None}


def test_an_execution_is_read_as_it_was_added_and_updated(store: Store) -> None:
    before = execution("e", nodes=[node("a"), node("b")])
    store.executions.add(before, {"a": {"input": 1}})
    assert store.executions.get("e") == before
    after = before | {"nodes": [node("a", [1]), node("b")], "error": "no", "outputs": {"a": None}}
    store.executions.update(before, after, {"a": {"remarks": ["x"]}, "b": {"reason": None}})
    assert store.executions.get("e") == after
    assert store.executions.trace("e") == {"a": {"input": 1, "remarks": ["x"]}, "b": {"reason": None}}
    assert (store.executions.get("f"), store.executions.trace("f")) == (None, {})


def test_lists_of_executions_follow_their_changes_and_counts_do_too(store: Store) -> None:
    for n in range(6):
        store.executions.add(execution(f"e{n}", workflow=f"w{n % 2}"))
    for n in (4, 1, 3):  # not in order
        before = execution(f"e{n}", workflow=f"w{n % 2}")
        store.executions.update(before, before | {"status": "completed", "ended": 1.0 + n})

    def listed(*statuses: str, **more: Any) -> list[str]:
        return [run["id"] for _, run in store.executions.rows(statuses=statuses, **more)]

    assert listed("completed") == ["e1", "e3", "e4"]
    assert listed("completed", workflow_id="w1") == ["e1", "e3"]
    assert listed(workflow_id="w1", newest_first=True) == ["e5", "e3", "e1"]
    assert listed("completed", "running", workflow_id="w1", newest_first=True) == ["e5", "e3", "e1"]
    assert listed("asleep") == []
    assert store.executions.counts() == {"running": 3, "completed": 3}
    assert store.executions.counts("w1") == {"running": 1, "completed": 2}
    assert (store.executions.totals("w0")[1], store.executions.totals("w1")[1]) == (4_000, 4_000)
    assert (store.executions.count(), store.executions.count("failed")) == (6, 0)
    store.executions.drop_oldest(1)
    assert listed() == ["e0", "e2", "e4", "e5"]
    assert store.executions.totals("w1") == ({"running": 1, "completed": 2}, 4_000), "what is not kept counts"
    assert store.executions.counts() == {"running": 3, "completed": 1}
    store.reset()
    assert (store.executions.count(), store.executions.counts()) == (0, {})


def test_rows_are_read_from_a_number_on_in_both_directions(store: Store) -> None:
    for n in range(6):
        store.executions.add(execution(f"e{n}", "failed" if n % 2 == 0 else "completed"))
    numbers = [number for number, _ in store.executions.rows()]
    for after in (None, 0, *numbers, 2**62):
        later = [n for n in numbers if after is None or n > after]
        before = [n for n in reversed(numbers) if after is None or n < after]
        assert [n for n, _ in store.executions.rows(after=after)] == later
        assert [n for n, _ in store.executions.rows(newest_first=True, after=after)] == before
        odd = [n for n, _ in store.executions.rows(statuses=["completed"], after=after)]
        assert odd == [n for n in later if n in numbers[1::2]]


def test_what_is_due_comes_in_order_of_time(store: Store) -> None:
    for name, due in (("a", 3.0), ("b", 1), ("c", 2.0), ("d", 9.0)):
        store.executions.add(execution(name), due=due)
    assert not store.has_due(0.5)
    assert store.has_due(1)
    store.executions.update(execution("b"), execution("b"), due=2.5)
    store.executions.update(execution("c"), execution("c"))
    assert (store.has_due(2.4), store.has_due(2.5)) == (False, True)
    assert store.executions.due("running", 3) == [("b", 2.5), ("a", 3.0)]
    assert store.executions.due("running", 100, limit=1) == [("b", 2.5)]
    store.executions.update(execution("b"), execution("b", "completed"))
    assert [name for name, _ in store.executions.due("running", 100)] == ["a", "d"]
    assert store.executions.due("running", 0) == []


def test_a_snapshot_is_complete_and_fits_either_kind_of_store(store: Store, tmp_path: Path) -> None:
    workflow: Any = {"id": "w", "name": "x", "description": None, "definition": None, "version": 1}
    workflow |= {"organization_id": "default", "status": "active", "created_at": "", "updated_at": ""}
    store.workflows.put("w", record=workflow)
    store.executions.add(execution("e", "completed"), {"a": {"input": 1}})
    snapshot = store.snapshot()
    store.executions.add(execution("f", "completed"))
    store.reset()
    assert list(store.workflows.records()) == []
    store.restore(snapshot)
    assert store.snapshot() == snapshot
    with closing(Store(tmp_path / "other.db")) as other:
        for target in (Store(), other):
            target.restore(snapshot)
            assert target.snapshot() == snapshot


@each_row("snapshot", [b"", b"{", b"[]", b"{}", b'{"format": "x"}', b"\xff"])
def test_restoring_something_else_changes_nothing(store: Store, snapshot: bytes) -> None:
    put(store, "k", 1)
    with pytest.raises(StateError, match="not a snapshot"):
        store.restore(snapshot)
    assert numbers_of(store) == [1]


def test_a_snapshot_of_another_version_says_so(store: Store) -> None:
    for schema, message in ((SCHEMA + 1, f"newer fibonacci-sdk .schema {SCHEMA + 1}, but"), (1, "development version")):
        other = json.loads(store.snapshot()) | {"schema": schema}
        with pytest.raises(StateError, match=message):
            store.restore(json.dumps(other).encode())


def test_a_transaction_is_atomic_and_leaves_nothing_in_what_is_kept(store: Store) -> None:
    with store.transaction(), store.transaction():
        put(store, "a", 1)
        store.governance.put("default", record=numbered(1))
        store.executions.add(execution("e"))
    transaction = store.transaction()
    transaction.__enter__()
    put(store, "b", 2)
    store.governance.put("default", record=numbered(2))
    store.executions.add(execution("f"), due=1)
    assert (store.executions.count(), store.has_due(1)) == (2, True)
    transaction.__exit__(ValueError, ValueError(), None)
    assert numbers_of(store) == [1]
    assert (store.governance.get("default"), store.executions.count(), store.has_due(1)) == (numbered(1), 1, False)


def test_what_is_kept_is_that_of_all_who_share_a_file(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "state.db")) as one, closing(Store(tmp_path / "state.db")) as other:
        for n in range(3):
            with one.transaction():
                assert one.governance.get("default") == (numbered(n) if n else None)
                assert (one.executions.count(), one.has_due(n)) == (n, n > 0)
            with other.transaction():
                other.governance.put("default", record=numbered(n + 1))
                other.executions.add(execution(f"e{n}"), due=n + 1)
            transaction = other.transaction()
            transaction.__enter__()
            other.governance.put("default", record=numbered(-1))
            transaction.__exit__(ValueError, ValueError(), None)


def test_only_open_opens_a_closed_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    put(store, "a", 1)
    store.close()
    store.close()
    with pytest.raises(StateError, match="was closed"):
        numbers_of(store)
    store.open()
    assert numbers_of(store) == [1]
    store.close()


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_path_that_names_no_file_is_refused(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StateError, match="leave it out to keep the state in memory"):
        Emulator(db=path)
    assert not list(tmp_path.iterdir())


def test_a_collected_store_closes_its_file(tmp_path: Path) -> None:
    connection = Store(tmp_path / "state.db").connection()
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


def test_a_lock_of_another_process_is_waited_for_until_the_busy_timeout(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Store(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="locked"):
        Store(path, busy_timeout=0.01)
    other.execute("ROLLBACK")
    emulator = Emulator(db=path)
    app_of(emulator).store.connection().execute("PRAGMA busy_timeout = 10")
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


def test_counts_and_sums_are_those_of_the_records_after_any_change(store: Store) -> None:
    def after(name: str, status: str, seconds: float) -> Any:
        return execution(name, status, "v" if name == "c" else "w", started=0.0, ended=seconds)

    for name, status, seconds in (("a", "completed", 2.0), ("b", "failed", 3.0), ("c", "completed", 4.0)):
        store.executions.add(after(name, status, seconds))
    store.registry.put("w", record=numbered(1) | {"status": "approved"})
    store.mark()
    store.executions.update(after("a", "completed", 2.0), after("a", "failed", 2.5))  # it moves
    store.executions.update(after("b", "failed", 3.0), after("b", "failed", 3.5))  # it stays, and adds more
    store.registry.put("w", record=numbered(1) | {"status": "archived"})
    assert (store.executions.totals("w")[1], store.executions.totals("v")[1]) == (6_000, 4_000)
    assert (store.executions.counts(), store.registry.counts()) == ({"failed": 2, "completed": 1}, {"archived": 1})
    store.undo(0)
    assert (store.executions.totals("w")[1], store.executions.totals("v")[1]) == (5_000, 4_000)
    assert (store.executions.counts(), store.registry.counts()) == ({"completed": 2, "failed": 1}, {"approved": 1})
