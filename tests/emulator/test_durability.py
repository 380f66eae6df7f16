"""State in a file: processes that are killed, and processes that share it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator

ROOT = Path(__file__).parents[2]

START = """
import sys
from fibonacci.emulator import Emulator
client = Emulator(db=sys.argv[1]).client()
"""
WRITE_FOR_EVER = """
for n in range(1_000):
    client.memory.set(f"k{n}", n)
    print(n, flush=True)
"""
TAKE_TURNS = """
for line in sys.stdin:
    key, value = line.split()
    print(client.memory.get(key).value, flush=True)
    client.memory.set(key, int(value) + 1)
    print("written", flush=True)
"""
ANSWER_SLOWLY = """
from fibonacci.emulator import LLMCall

emulator = Emulator(db=sys.argv[1])

@emulator.llm
def reply(call):
    return sys.stdin.readline().strip()

definition = {"nodes": [{"id": "a", "type": "llm", "instruction": "?"}]}
client = emulator.client()
for _ in range(2):
    print(client.workflows.execute(client.workflows.create(name="x", definition=definition).id).id, flush=True)
    while client.executions.list(status="running").first():
        pass
"""
UPDATE = """
for n in range(40):
    client.workflows.update(sys.argv[2], description=f"{sys.argv[3]}-{n}")
    client.memory.set(f"{sys.argv[3]}-{n}", n)
"""


@contextmanager
def running(code: str, *arguments: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", START + code, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        yield process


def say(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdin is not None
    process.stdin.write(f"{text}\n")
    return hear(process)


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextmanager
def reader(path: Path) -> Generator[Fibonacci]:
    with Emulator(db=path) as emulator, emulator.client() as client:
        yield client


def test_every_acknowledged_write_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with running(WRITE_FOR_EVER, str(path)) as process:
        assert process.stdout is not None
        acknowledged = [int(hear(process)) for _ in range(100)]
        process.kill()
        acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
    assert acknowledged[-1] < 999, "it had ended before it was killed"
    with reader(path) as client:
        assert [client.memory.get(f"k{n}").value for n in acknowledged] == acknowledged
        client.memory.set("more", 1)


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with reader(path) as client:
        workflow = client.workflows.create(name="shared")
        processes = [running(UPDATE, str(path), workflow.id, name) for name in "ab"]
        with processes[0] as one, processes[1] as two:
            assert (one.wait(), two.wait()) == (0, 0)
        versions = [version.version for version in client.versions.list(workflow.id)]
        assert versions == list(range(81, 0, -1))
        assert [client.memory.get(f"{name}-{n}").value for name in "ab" for n in range(40)] == [*range(40)] * 2


def test_each_process_sees_what_the_other_writes(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with reader(path) as client, running(TAKE_TURNS, str(path)) as process:
        for n in range(0, 20, 2):
            client.memory.set("k", n)
            assert say(process, f"k {n}") == str(n)
            assert hear(process) == "written"
            assert client.memory.get("k").value == n + 1
        process.communicate()


def test_a_handler_reports_across_processes_unless_its_own_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with reader(path) as client, running(ANSWER_SLOWLY, str(path)) as process:
        first = hear(process)
        assert client.executions.get(first).status == "running"
        second = say(process, "done")
        assert client.executions.get(first).outputs == {"a": "done"}
        assert client.executions.get(second).status == "running"
        process.kill()
        process.wait()
        ended = client.executions.get(second).model_dump()
        assert (ended["status"], ended["error"]) == (
            "failed",
            "node 'a': the emulator was stopped while the handler was running",
        )


def test_a_file_holds_no_key(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with Emulator(db=path, api_key="fib-very-secret") as emulator:
        client = emulator.client()
        client.workflows.create(name="x")
    assert path.stat().st_size > 0
    assert b"fib-very-secret" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_every_kind_of_state_survives_the_emulator(tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    with Emulator(db=path, api_key="fib-mine", rate_limit=(100, 3600)) as emulator:
        client = emulator.client()
        node = {"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": 600}}
        workflow = client.workflows.create(name="x", definition={"nodes": [node]})
        waiting = client.workflows.execute(workflow.id)
        client.organizations.quota.update("default", memory_mb=5)
    with Emulator(db=path, api_key="fib-mine", rate_limit=(100, 3600)) as emulator:
        client = emulator.client()
        assert client.executions.get(waiting.id).status == "running"
        assert client.rate_limit is not None
        assert client.rate_limit.remaining == 99, "the windows of the rate limit live in memory"
        assert client.organizations.quota.get("default").overrides == {"memory_mb": 5}
        emulator.clock.advance(600)
        assert client.executions.get(waiting.id).succeeded
    with Emulator(db=path, api_key="fib-mine", rate_limit=(100, 3600)) as emulator:  # the time does not go back
        assert emulator.client().executions.get(waiting.id).model_dump()["duration_ms"] == 600_000
        again = emulator.client().workflows.execute(workflow.id).model_dump()
        ended = emulator.client().executions.get(waiting.id).model_dump()["completed_at"]
        assert emulator.client().executions.get(again["execution_id"]).model_dump()["created_at"] >= ended


def test_a_file_that_another_program_vacuums_goes_on_working(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with Emulator(db=path) as emulator, closing(sqlite3.connect(path)) as other:
        client = emulator.client()
        ids = [client.workflows.create(name="x" * 1000).id for _ in range(100)]
        for workflow_id in ids[1:]:
            client.workflows.delete(workflow_id)
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = path.stat().st_size
        assert client.workflows.list().first() is not None
        other.execute("VACUUM")
        for change in ("vacuumed", "checkpointed"):
            assert client.workflows.get(ids[0]).id == ids[0], change
            client.memory.set(change, 1)
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert path.stat().st_size < before
        assert [client.memory.get(change).value for change in ("vacuumed", "checkpointed")] == [1, 1]
    with Emulator(db=path, api_key=emulator.api_key) as emulator:
        assert [each.id for each in emulator.client().workflows.list()] == ids[:1]
