"""Runs whose function worked in a process that has ended, and functions that outlive their emulator."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator, StateError
from fibonacci.emulator.engine import scheduler
from fibonacci.emulator.facade import app_of
from tests.emulator.handling import create, details, no_handler_works, wait_until
from tests.kit.nodes import tool

CHILD = """
import sys, time
from fibonacci.emulator import Emulator
emulator = Emulator(db=sys.argv[1], api_key="fib-mine")
emulator.tool("work")(lambda call: time.sleep(60))
client = emulator.client()
node = {"id": "a", "type": "tool", "tool": "work", "timeout": 600}
workflow = client.workflows.create(name="x", definition={"nodes": [node]})
print(client.workflows.execute(workflow.id).id, flush=True)
sys.stdin.read()
"""
CHILD_WITH_PID = "import os, sys; os.getpid = lambda: int(sys.argv[2])\n" + CHILD
REASON = "node 'a': the emulator was stopped while the handler was running"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def child(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", CHILD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def started(child: subprocess.Popen[bytes]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().decode().strip()


def test_the_run_of_another_process_fails_when_that_is_killed(child: subprocess.Popen[bytes], path: Path) -> None:
    execution_id = started(child)
    with Emulator(db=path, api_key="fib-mine") as emulator:
        client = emulator.client()
        client.organizations.quota.update("default", concurrent_executions=1)
        assert client.executions.get(execution_id).status == "running"
        child.kill()
        child.wait()
        listed = client.executions.list(status="failed").first()  # a list is enough
        assert listed is not None
        assert (listed.id, details(client, execution_id)["error"]) == (execution_id, REASON)
        workflow = create(client, tool("a"))
        assert client.workflows.execute(workflow).status == "completed"  # it counts no more as concurrent


@pytest.mark.parametrize("pid", [os.getpid(), 2**31 - 1], ids=["the pid of this process", "the pid of no process"])
def test_a_process_id_does_not_tell_who_owns_a_run(path: Path, pid: int) -> None:
    """Two containers that share a file have the same process ids, and neither sees the processes of the other."""
    command = [sys.executable, "-c", CHILD_WITH_PID, str(path), str(pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        execution_id = started(child)
        with Emulator(db=path, api_key="fib-mine") as emulator:
            client = emulator.client()
            assert client.executions.get(execution_id).status == "running"
            child.kill()
            child.wait()
            assert details(client, execution_id)["error"] == REASON


def test_it_fails_when_the_file_is_opened(child: subprocess.Popen[bytes], path: Path) -> None:
    execution_id = started(child)
    child.kill()
    child.wait()
    emulator = Emulator(db=path)
    with app_of(emulator).store.transaction():
        execution = app_of(emulator).store.executions.get(execution_id)
    assert execution is not None
    assert (execution["status"], execution["error"]) == ("failed", REASON)
    emulator.close()
    assert [file.name for file in path.parent.iterdir()] == ["state.db"]


def test_two_emulators_in_one_process_leave_each_others_runs_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "SETTLE_SECONDS", 0.02)
    release = threading.Event()
    first, second = Emulator(db=path), Emulator(db=path)
    first.tool("work")(lambda _: release.wait(10))
    execution = first.client().workflows.execute(create(first.client(), tool("a", "work")))
    assert second.client().executions.get(execution.id).status == "running"
    release.set()
    wait_until(no_handler_works)
    assert second.client().executions.get(execution.id).status == "completed"
    first.close()
    second.close()


def test_a_function_that_outlives_its_emulator_writes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "SETTLE_SECONDS", 0.02)
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
