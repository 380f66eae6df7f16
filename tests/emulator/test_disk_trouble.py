"""Trouble with the file never stops reads, and never lets a change be confirmed that is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fibonacci import Fibonacci, NotFoundError, ServerError
from fibonacci.emulator import Emulator, StateError, ToolCall
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.state import owners
from fibonacci.models import Execution
from tests.emulator.handling import create
from tests.kit.nodes import tool

WAIT = {"id": "a", "type": "tool", "tool": "wait", "params": {"seconds": 600}}
LARGE = "x" * 300_000


def connection_of(emulator: Emulator) -> sqlite3.Connection:
    return app_of(emulator).store.connection()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def emulator(path: Path) -> Iterator[Emulator]:
    """Yield an emulator with a run that waits for ten minutes."""
    with Emulator(db=path, api_key="key", time="manual") as emulator:
        client = emulator.client()
        client.workflows.execute(client.workflows.create(name="slow", definition={"nodes": [WAIT]}).id)
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Fibonacci:
    return emulator.client(max_retries=0)


def newest(client: Fibonacci, status: str | None = None) -> Execution:
    found = client.executions.list(status=status).first()
    assert found is not None
    return found


def read_everything(client: Fibonacci) -> None:
    """Read what the emulator of the tests has, of every kind."""
    assert [workflow.name for workflow in client.workflows.list()] == ["slow"]
    assert client.executions.get(newest(client).id).status == "running"
    assert client.organizations.governance.report("default").model_dump()["workflows"] >= 1
    client.organizations.quota.get("default")
    client.tools.list().first()


@contextmanager
def full(emulator: Emulator) -> Generator[None]:
    """Let SQLite refuse to use more of the disk."""
    connection = connection_of(emulator)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        connection.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_is_507_and_reads_go_on(emulator: Emulator, client: Fibonacci) -> None:
    with full(emulator):
        with pytest.raises(ServerError, match=r"the disk of .* is full") as caught:
            client.memory.set("k", LARGE)
        assert (caught.value.status_code, caught.value.code) == (507, "insufficient_storage")
        read_everything(client)
        with pytest.raises(StateError, match="is full"):
            emulator.restore(_snapshot_with(LARGE))
        read_everything(client)
    client.memory.set("k", LARGE)
    assert client.memory.get("k").value == LARGE


def _snapshot_with(value: str) -> bytes:
    other = Emulator()
    other.client().memory.set("k", value)
    return other.snapshot()


def test_a_folder_that_takes_no_other_file_is_said_and_no_handler_is_called(
    emulator: Emulator, client: Fibonacci, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, flags: int) -> int:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    calls: list[ToolCall] = []
    emulator.tool("work")(calls.append)
    workflow = create(client, tool("a", "work"))
    with monkeypatch.context() as folder:
        folder.setattr(owners, "open_state", refuse)
        with pytest.raises(ServerError, match=r"-owner-\w+ cannot be created .*nothing was changed") as caught:
            client.workflows.execute(workflow)
    assert (caught.value.status_code, caught.value.code) == (500, "state_error")
    assert not calls
    assert [execution.status for execution in client.executions.list()] == ["running"]


def test_time_that_cannot_be_stored_does_not_pass(emulator: Emulator, client: Fibonacci) -> None:
    connection = connection_of(emulator)
    client.memory.set("k", 1, ttl=600)
    connection.execute("PRAGMA query_only = 1")
    before = emulator.clock.now()
    with pytest.raises(StateError, match="is read-only: nothing was changed"):
        emulator.clock.advance(3600)
    assert emulator.clock.now() - before < 60
    assert client.memory.get("k").value == 1
    connection.execute("PRAGMA query_only = 0")
    emulator.clock.advance(3600)
    with pytest.raises(NotFoundError):
        client.memory.get("k")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield the folder of a disk of 2 MB, where the tests may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounting = shutil.which("mount")
    if (
        mounting is None
        or subprocess.run(
            [mounting, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("a small disk can be mounted by root only")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_foreign_lock_stops_no_read_and_says_so(emulator: Emulator, client: Fibonacci, path: Path) -> None:
    connection_of(emulator).execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(ServerError, match="is locked by another process") as caught:
        client.with_options(max_retries=0).memory.set("k", 1)
    assert (caught.value.status_code, caught.value.code) == (503, "state_locked")
    assert caught.value.headers["retry-after"] == "1"
    read_everything(client)
    assert time.monotonic() - began < 30
    other.execute("ROLLBACK")
    other.close()


def remount(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)


def test_a_read_only_file_serves_reads(small_disk: Path) -> None:
    path = small_disk / "state.db"
    with Emulator(db=path) as emulator:
        client = emulator.client()
        client.workflows.execute(client.workflows.create(name="slow", definition={"nodes": [WAIT]}).id)
    remount(small_disk, "ro")
    with Emulator(db=path) as emulator:
        client = emulator.client(max_retries=0)
        read_everything(client)
        with pytest.raises(ServerError, match="is read-only: nothing was changed") as caught:
            client.memory.set("k", 1)
        assert (caught.value.status_code, caught.value.code) == (507, "state_read_only")
        assert json.loads(emulator.snapshot())["tables"]["workflows"]
        with pytest.raises(StateError, match="is read-only"):
            emulator.reset()
    remount(small_disk, "rw")


def test_a_damaged_record_is_one_clear_error(emulator: Emulator, client: Fibonacci) -> None:
    workflow = client.workflows.create(name="quick")
    execution = client.workflows.execute(workflow.id)
    sql = "UPDATE executions SET nodes = '{' WHERE id = ?"
    assert connection_of(emulator).execute(sql, (execution.id,)).rowcount == 1
    acts: list[Callable[[], object]] = [lambda: client.executions.get(execution.id), client.executions.list().first]
    for act in acts:
        with pytest.raises(ServerError, match=f"record {execution.id} of executions is damaged") as caught:
            act()
        assert (caught.value.status_code, caught.value.code) == (500, "state_error")
    emulator.reset()
    assert client.executions.list().first() is None
