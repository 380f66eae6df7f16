"""Runs whose function worked in a process that has ended, and functions that outlive their emulator."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator, StateError
from fibonacci.emulator.engine import scheduler, user_handlers
from fibonacci.emulator.state.owners import Owners
from tests.emulator.handling import create, details, no_handler_works, wait_until
from tests.kit.nodes import tool

REASON = "node 'a': the emulator was stopped while the handler was running"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.mark.parametrize("pid", [os.getpid(), 2**31 - 1], ids=["the pid of this process", "the pid of no process"])
def test_a_call_is_running_while_its_owner_holds_its_lock_whatever_the_pid(
    path: Path, monkeypatch: pytest.MonkeyPatch, pid: int
) -> None:
    """Two containers that share a file have the same process ids, and neither sees the processes of the other."""
    mine, other = Owners(path), Owners(path)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "getpid", lambda: pid)
        call = f"{other.own()}-abc"
        assert not user_handlers.is_running(call, other)  # it would know
    assert user_handlers.is_running(call, mine)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "getpid", lambda: pid)
        other.release()
    assert not user_handlers.is_running(call, mine)
    assert user_handlers.is_running(f"{other.own()}-abc", mine)
    other.release()
    assert list(path.parent.iterdir()) == []


def test_a_function_that_outlives_its_emulator_writes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "WAIT_SECONDS", 0.02)
    release = threading.Event()
    emulator = Emulator(db=path)
    emulator.tool("work")(lambda _: release.wait(10))
    client = emulator.client()
    execution = client.workflows.execute(create(client, tool("a", "work")))
    emulator.close()
    before = path.read_bytes()
    path.rename(path.with_name("moved.db"))
    release.set()
    wait_until(no_handler_works)
    assert [file.name for file in path.parent.iterdir()] == ["moved.db"]
    assert path.with_name("moved.db").read_bytes() == before
    with pytest.raises(StateError, match="was closed"):
        emulator.snapshot()
    path.with_name("moved.db").rename(path)
    with emulator:
        assert details(emulator.client(), execution.id)["error"] == REASON
