"""What is on the disk before what is on the wire, and a disk that does not take any more.

A kill cannot tell what was written from what was synced; the order of the system calls can.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from fibonacci import Fibonacci, UnknownOutcomeError
from fibonacci._batch.sqlite_journal import open_journal
from fibonacci.emulator import Emulator
from tests.batch.journals import HEADER, settle_by_candidates
from tests.kit.programs import find
from tests.kit.systems import linux_only

GREETER = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
PROGRAM = """
import resource, sys
from fibonacci import Fibonacci, FibonacciError

key, url, workflow, journal, limit = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), -1))
rows = [{"name": f"row {number}"} for number in range(40)]
with Fibonacci(key, base_url=url) as client:
    runs = client.workflows.run_many(workflow, rows, journal=journal, concurrency=4)
    try:
        for _ in runs:
            pass
    except FibonacciError as error:
        print(type(error).__name__, error, *error.__notes__, sep="\\n")
    print(runs.summary)
"""
ROWS = [{"name": f"row {number}"} for number in range(40)]

MOST_CALLS = 60
# The system counts the calls of each process for itself, so a process that is to be killed early makes others before.
WRITERS = """
import os, sys
from contextlib import closing, suppress
from fibonacci._batch.sqlite_journal import open_journal
from tests.batch.journals import HEADER, row

folder, when = sys.argv[1:]
other = os.open(f"{folder}/other", os.O_WRONLY | os.O_CREAT)

def make_another_call(call):
    if call == "pwrite64":
        os.pwrite(other, b"x", 0)
    else:
        with suppress(FileNotFoundError):
            os.unlink(f"{folder}/none")

for call in ("pwrite64", "unlink"):
    for kill in range(1, int(when) + 1):
        child = os.fork()
        if child == 0:
            for _ in range(int(when) - kill):
                make_another_call(call)
            with closing(open_journal(f"{folder}/{call}-{kill}.db", HEADER)) as journal:
                journal.write([row(1)])
                print(call, kill, "written", flush=True)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            print(call, kill, "closed", flush=True)
            break
"""


@pytest.fixture
def workflow(client: Fibonacci) -> str:
    return client.workflows.create(name="greeter", definition=GREETER).id


def run(
    emulator: Emulator,
    workflow: str,
    journal: Path,
    *,
    limit: int = 0,
    under: tuple[str, ...] = (),
) -> str:
    """Run the rows in another process, and return what it prints."""
    arguments = [emulator.api_key, emulator.base_url, workflow, str(journal), str(limit)]
    command = [*under, sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def counts(client: Fibonacci, workflow: str) -> list[int]:
    """Return how many executions each row has, in no order."""
    found: dict[str, int] = {}
    for execution in client.executions.list(workflow_id=workflow, page_size=200):
        name = (execution.inputs or {})["name"]
        found[name] = found.get(name, 0) + 1
    return list(found.values())


def check_that_nothing_is_lost(client: Fibonacci, workflow: str, journal: Path) -> None:
    """Check that the next call runs each row that is left, once, and names those that may have been started.

    These are the rows whose intents or ids the first process wrote last. A person can tell by their candidates which
    of them were started.
    """
    runs = client.workflows.run_many(workflow, ROWS, journal=journal)
    with suppress(UnknownOutcomeError):
        runs.results()
    assert runs.summary.succeeded + runs.summary.unknown == len(ROWS)
    assert runs.summary.unknown <= 4, "no more than are started at a time"
    settle_by_candidates(journal)
    runs = client.workflows.run_many(workflow, ROWS, journal=journal)
    assert [each.succeeded for each in runs.results()] == [True] * len(ROWS)
    assert counts(client, workflow) == [1] * len(ROWS)


@pytest.mark.slow
@linux_only
def test_an_intent_is_synced_before_its_request_is_sent(emulator: Emulator, workflow: str, tmp_path: Path) -> None:
    """For each request: its idempotency key is in a write to the journal that is synced before the request is sent."""
    trace = tmp_path / "trace"
    calls = "trace=openat,pwrite64,fdatasync,fsync,sendto,write,writev,sendmsg"
    strace = (find("strace"), "-f", "--seccomp-bpf", "-qq", "-s", "100000", "-e", calls, "-o", str(trace))
    assert "40 succeeded" in run(emulator, workflow, tmp_path / "runs.db", under=strace)
    unsynced: set[str] = set()
    synced: set[str] = set()
    sent = 0
    for line in trace.read_text("utf-8", "replace").splitlines():
        if "pwrite64(" in line:
            unsynced.update(re.findall(r"[0-9a-f]{32}", line))
        elif "fdatasync(" in line or "fsync(" in line:
            synced |= unsynced
        elif re.search(r'"POST /\S+/execute HTTP/', line):  # not the code of a call, as Python writes it to its cache
            (key,) = re.findall(r"idempotency-key: ([0-9a-f]{32})", line)
            assert key in synced, "the request is sent first"
            sent += 1
    assert sent == len(ROWS)


@pytest.mark.slow
@linux_only
def test_a_kill_at_any_call_leaves_a_journal_that_has_what_was_written(tmp_path: Path) -> None:
    """A journal is opened, written and closed by a process that is killed at its first such call, its second, ...."""
    strace = (find("strace"), "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", "trace=pwrite64,unlink")
    inject = [f"-einject={call}:signal=KILL:when={MOST_CALLS}" for call in ("pwrite64", "unlink")]
    command = [*strace, *inject, sys.executable, "-c", WRITERS, str(tmp_path), str(MOST_CALLS)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    for call in ("pwrite64", "unlink"):
        survivor = next(kill for kill in range(1, MOST_CALLS) if f"{call} {kill} closed" in lines)
        assert survivor > 3
        for kill in range(1, survivor):
            with closing(open_journal(str(tmp_path / f"{call}-{kill}.db"), HEADER)) as journal:
                if f"{call} {kill} written" in lines:
                    assert journal.entry("k1") is not None
        assert f"{call} {survivor - 1} written" in lines, "some are killed while they close it"


@pytest.mark.slow
@linux_only
def test_short_writes_lose_nothing(emulator: Emulator, client: Fibonacci, workflow: str, tmp_path: Path) -> None:
    """Files may not grow beyond a limit, so that a write in the middle of a transaction is cut short."""
    text = run(emulator, workflow, tmp_path / "runs.db", limit=45_000)
    assert text.startswith("JournalError\n")
    assert "reading or writing it failed. Check the disk, its free space and any size limits" in text
    assert "To continue, make the same call again with journal=" in text
    check_that_nothing_is_lost(client, workflow, tmp_path / "runs.db")


@pytest.mark.slow
@linux_only
def test_a_full_disk_loses_nothing(emulator: Emulator, client: Fibonacci, workflow: str, tmp_path: Path) -> None:
    """From the 50th write to a file on, the system says that the disk is full."""
    strace = (find("strace"), "-f", "--seccomp-bpf", "-qq", "-o", str(tmp_path / "trace"))
    faults = ("-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC:when=50+")
    text = run(emulator, workflow, tmp_path / "runs.db", under=(*strace, *faults))
    assert text.startswith("JournalError\n")
    assert "the disk is full. Free some space" in text
    check_that_nothing_is_lost(client, workflow, tmp_path / "runs.db")


@pytest.mark.slow
@linux_only
def test_a_sync_that_fails_sends_no_request(
    emulator: Emulator, client: Fibonacci, workflow: str, tmp_path: Path
) -> None:
    strace = (find("strace"), "-f", "--seccomp-bpf", "-qq", "-o", str(tmp_path / "trace"))
    faults = ("-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync:error=EIO:when=14+")
    text = run(emulator, workflow, tmp_path / "runs.db", under=(*strace, *faults))
    assert text.startswith("JournalError\n")
    connection = sqlite3.connect(tmp_path / "runs.db")
    intents = connection.execute("SELECT count(*) FROM rows").fetchone()[0]
    connection.close()
    assert 0 < len(counts(client, workflow)) <= intents < len(ROWS)
    check_that_nothing_is_lost(client, workflow, tmp_path / "runs.db")
