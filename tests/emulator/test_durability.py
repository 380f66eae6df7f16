"""State in a file: processes that share it, and one that is killed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from tests.emulator.handling import create, details
from tests.emulator.test_interrupted_runs import REASON
from tests.kit.nodes import llm, tool

ROOT = Path(__file__).parents[2]

OTHER_PROCESS = """
import sys
from fibonacci.emulator import Emulator

emulator = Emulator(db=sys.argv[1])
client = emulator.client(max_retries=0)
workflow = sys.argv[2]

for line in iter(sys.stdin.readline, "at once\\n"):
    print(client.memory.get("k").value, flush=True)
    client.memory.set("k", int(line) + 1)
    print("written", flush=True)

for n in range(20):
    client.workflows.update(workflow, description=f"theirs-{n}")
    client.memory.set(f"theirs-{n}", n)
emulator.start()
emulator.close()
print(*(name for name in sys.modules if name.startswith("fibonacci.emulator.page")), flush=True)

emulator = Emulator(db=sys.argv[1])
client = emulator.client()
emulator.llm(lambda call: sys.stdin.readline().strip())
sys.stdin.readline()
first = client.workflows.execute(workflow)
print(first.id, flush=True)
client.executions.wait(first.id)
print(client.workflows.execute(workflow).id, flush=True)
for n in range(1_000):
    client.memory.set(f"k{n}", n)
    print(n, flush=True)
"""


@contextmanager
def running(code: str, *arguments: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", code, *arguments]
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
    with Emulator(db=path) as emulator, emulator.client(max_retries=0) as client:
        yield client


def take_turns(client: Fibonacci, process: subprocess.Popen[str]) -> None:
    for n in (0, 2, 4):
        client.memory.set("k", n)
        assert say(process, str(n)) == str(n)
        assert hear(process) == "written"
        assert client.memory.get("k").value == n + 1


def write_at_once(client: Fibonacci, process: subprocess.Popen[str], workflow: str) -> None:
    assert process.stdin is not None
    process.stdin.write("at once\n")
    for n in range(20):
        client.workflows.update(workflow, description=f"ours-{n}")
        client.memory.set(f"ours-{n}", n)
    # A process whose page nobody opens has not imported it.
    assert hear(process).split() == []
    assert [version.version for version in client.versions.list(workflow)] == list(range(41, 0, -1))
    for whose in ("ours", "theirs"):
        assert [client.memory.get(f"{whose}-{n}").value for n in range(20)] == [*range(20)]


def killed_at_work(client: Fibonacci, process: subprocess.Popen[str]) -> tuple[str, list[int]]:
    """Kill a process that works on its second run; return the run, and the writes that were acknowledged."""
    assert process.stdout is not None
    client.organizations.quota.update("default", concurrent_executions=1)
    first = say(process, "run")
    assert client.executions.get(first).status == "running"
    second = say(process, "done")
    assert client.executions.get(first).outputs == {"a": "done"}
    assert client.executions.get(second).status == "running"
    acknowledged = [int(hear(process)) for _ in range(50)]
    process.kill()
    acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait()
    assert acknowledged[-1] < 999, "it had ended before it was killed"
    return second, acknowledged


def test_two_processes_share_a_file_until_one_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "shared" / "state.db"
    path.parent.mkdir()
    with reader(path) as client:
        workflow = create(client, llm("a"))
        with running(OTHER_PROCESS, str(path), workflow) as process:
            take_turns(client, process)
            write_at_once(client, process, workflow)
            run, acknowledged = killed_at_work(client, process)
        shutil.copytree(path.parent, tmp_path / "copy")

        listed = client.executions.list(status="failed").first()  # a list is enough
        assert listed is not None
        assert (listed.id, details(client, run)["error"]) == (run, REASON)
        assert client.workflows.execute(create(client, tool("a"))).status == "completed"  # it is concurrent no more
        assert [client.memory.get(f"k{n}").value for n in acknowledged] == acknowledged
        client.memory.set("more", 1)

    emulator = Emulator(db=tmp_path / "copy" / "state.db")  # it fails when the file is opened, before anything is read
    with app_of(emulator).store.transaction():
        execution = app_of(emulator).store.executions.get(run)
    assert execution is not None
    assert (execution["status"], execution["error"]) == ("failed", REASON)
    emulator.close()
    assert [file.name for file in (tmp_path / "copy").iterdir()] == ["state.db"]


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
