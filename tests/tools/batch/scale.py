"""Measure what many rows cost: the figures of docs/contributing/many-rows-measured.md.

    python -m tests.tools.batch.scale                 all but memory
    python -m tests.tools.batch.scale cpu commits reopen capacity watching memory

`memory` takes some minutes, and 3 GB of disk.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.sqlite_journal import open_journal
from fibonacci._core.polling import grown
from fibonacci.emulator import Emulator
from tests.batch.journals import completed, fill, row
from tests.batch.platform import served_emulator
from tests.batch.shared_clock import SharedClock

_GREETER = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
_RESTER = {
    "nodes": [{"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": "{{input.seconds}}"}}],
}
_ROWS = 1_000
_ROUNDS = 7
_AT_A_TIME = 20


def cpu() -> None:
    """Compare the processor time of a row with that of what somebody would write by hand, on the same client."""
    with served_emulator() as address, tempfile.TemporaryDirectory() as folder:
        with Fibonacci(address.api_key, base_url=address.base_url) as client:
            workflow = client.workflows.create(name="greeter", definition=_GREETER).id
            paths = (str(Path(folder, f"{number}.db")) for number in range(1_000))
            _compare(
                "threads",
                {
                    "by hand": lambda: _plain_threads(client, workflow),
                    "run_many": lambda: _run_many(client, workflow, None),
                    "journal": lambda: _run_many(client, workflow, next(paths)),
                },
            )
        with asyncio.Runner() as runner:
            tasks_client = AsyncFibonacci(address.api_key, base_url=address.base_url)
            _compare(
                "asyncio",
                {
                    "by hand": lambda: runner.run(_plain_tasks(tasks_client, workflow)),
                    "run_many": lambda: runner.run(_run_many_async(tasks_client, workflow, None)),
                    "journal": lambda: runner.run(_run_many_async(tasks_client, workflow, next(paths))),
                },
            )
            runner.run(tasks_client.aclose())


def _compare(kind: str, ways: Mapping[str, Callable[[], None]]) -> None:
    """Print the medians of several rounds, in turn, so that what else the machine does meets all of them."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()  # so that connections are open, and code is loaded
    for _ in range(_ROUNDS):
        for name, way in ways.items():
            began = time.process_time()
            way()
            spent[name].append((time.process_time() - began) / _ROWS * 1e6)
    medians = {name: statistics.median(times) for name, times in spent.items()}
    for name, each in medians.items():
        print(f"{kind}, {name}: {each:.0f} us of processor time a row, {each / medians['by hand']:.2f} of that by hand")


def _rows() -> list[dict[str, Any]]:
    return [{"name": f"row {number}"} for number in range(_ROWS)]


def _plain_threads(client: Fibonacci, workflow: str) -> None:
    """Run the rows in threads, each of which takes the next row when it has run one."""
    rows, lock = iter(_rows()), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                row = next(rows, None)
            if row is None:
                return
            client.workflows.run(workflow, inputs=row)

    threads = [threading.Thread(target=work) for _ in range(_AT_A_TIME)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _run_many(client: Fibonacci, workflow: str, journal: str | None) -> None:
    for _ in client.workflows.run_many(workflow, _rows(), concurrency=_AT_A_TIME, journal=journal):
        pass


async def _plain_tasks(client: AsyncFibonacci, workflow: str) -> None:
    """Run the rows in tasks, each of which takes the next row when it has run one."""
    rows = iter(_rows())

    async def work() -> None:
        for inputs in rows:
            await client.workflows.run(workflow, inputs=inputs)

    await asyncio.gather(*(work() for _ in range(_AT_A_TIME)))


async def _run_many_async(client: AsyncFibonacci, workflow: str, journal: str | None) -> None:
    async for _ in client.workflows.run_many(workflow, _rows(), concurrency=_AT_A_TIME, journal=journal):
        pass


def commits() -> None:
    """Measure what a row costs in a journal in a file: its intent, the id of its execution and its result.

    `strace -c -f -e trace=fdatasync,fsync` before the command counts the syncs: one for each commit.
    """
    for at_a_time in (1, 5, 20):
        with tempfile.TemporaryDirectory() as folder:
            journal = open_journal(str(Path(folder, "runs.db")), JournalHeader("wf-1", "1", "index"))
            began = time.process_time()
            for first in range(0, _ROWS, at_a_time):
                rows = [row(number) for number in range(first, first + at_a_time)]
                journal.write(rows)
                for each in rows:
                    each.execution_id = f"exec_{each.index}"
                journal.write(started=rows)
                journal.write(finished=[(each, completed(each)) for each in rows])
            spent = time.process_time() - began
            journal.close()
        print(f"{at_a_time} rows in a commit: {spent / _ROWS * 1e6:.0f} us of processor time a row")


def reopen() -> None:
    """Open a journal in which half a million rows have ended."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "runs.db"))
        header = JournalHeader("wf-1", "1", "index")
        fill(path, header, 500_000)
        began = time.process_time()
        journal = open_journal(path, header)
        journal.find("400000", is_unique=True)
        print(
            f"500,000 rows: checked, opened and one row read in {time.process_time() - began:.2f} s of processor time"
        )
        journal.close()


def capacity() -> None:
    """Keep 20 executions of 10 s running, on a clock that client and emulator share."""
    with Emulator(plan="pro", keep=None) as emulator:
        clock = SharedClock(emulator)
        client, workflow = _shared(emulator, clock)
        client.organizations.quota.update("default", workflow_runs_per_hour=5_000)
        began = clock.time()
        done = sum(1 for _ in client.workflows.run_many(workflow, [{"seconds": 10.0}] * 400))
        elapsed = clock.time() - began
        refused = sum(each.status == 429 for each in emulator.requests)
        print(f"{done} runs of 10 s, 20 at a time: {10 * done / elapsed / 20:.1%} of the capacity, {refused} refusals")


def watching() -> None:
    """Count the requests that watching takes, beside those of waiting for each execution, and time what is seen."""
    for count in (20, 500):
        _watch(f"{count} runs of 60 s", [60.0] * count)
        _watch(f"{count} runs of 50 to 70 s", [50 + 20 * number / count for number in range(count)])


def _watch(title: str, durations: list[float]) -> None:
    late: list[float] = []
    with Emulator(keep=None) as emulator:
        client, workflow = _shared(emulator, SharedClock(emulator))
        rows = [{"seconds": seconds} for seconds in durations]
        for run in client.workflows.run_many(workflow, rows, concurrency=len(rows)):
            assert run.execution is not None
            ended_at = run.execution.completed_at
            assert ended_at is not None
            late.append(emulator.clock.now() - ended_at.timestamp())
        routes = ("GET /executions", "GET /executions/{execution_id}")
        looks = sum(emulator.requests.to(route).count for route in routes)
    polls = sum(map(_polls, durations))
    mean, most = statistics.fmean(late), max(late)
    slow = statistics.quantiles(late, n=100, method="inclusive")[98]
    print(
        f"{title}: {looks} requests to watch, {polls} to wait for each: 1/{polls / looks:.1f};"
        f" seen after {mean:.2f} s on average, {slow:.2f} s for 99 of 100, {most:.2f} s at most"
    )


def _polls(seconds: float) -> int:
    """Return how many requests it takes to wait for an execution alone."""
    polls, at, delay = 0, 0.0, None
    while at < seconds:
        delay = grown(delay)
        at, polls = at + delay, polls + 1
    return polls


def _shared(emulator: Emulator, clock: SharedClock) -> tuple[Fibonacci, str]:
    client = emulator.client(clock=clock)
    return client, client.workflows.create(name="rester", definition=_RESTER).id


def memory() -> None:
    """Compare the resident memory of ten million rows, which a journal has, with that of ten thousand."""
    sizes = {rows: _resident(rows) for rows in (10_000, 10_000_000)}
    for rows, mebibytes in sizes.items():
        print(f"{rows:,} rows with a journal: {mebibytes:.0f} MiB resident at most")
    few, many = sizes.values()
    print(f"difference: {many - few:.0f} MiB")


def _resident(rows: int) -> float:
    command = [sys.executable, "-m", "tests.tools.batch.scale", f"resident={rows}"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _measure_resident(rows: int) -> None:
    """Run rows of which the journal has all but the last hundred, and print the largest resident memory in MiB."""
    with Emulator() as emulator, tempfile.TemporaryDirectory() as folder:
        client = emulator.client()
        workflow = client.workflows.create(name="empty")
        path = str(Path(folder, "runs.db"))
        fill(path, JournalHeader(workflow.id, str(workflow.version), "index"), rows - 100)
        before = _status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the largest so far is that of filling
        source: Iterator[dict[str, int]] = ({"n": number} for number in range(rows))
        done = sum(run.succeeded for run in client.workflows.run_many(workflow.id, source, journal=path))
        assert done == rows, done
        assert before > 0
    print(_status("VmHWM"))


def _status(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def main(names: list[str]) -> None:
    """Measure what the command line names."""
    measurements = {each.__name__: each for each in (cpu, commits, reopen, capacity, watching, memory)}
    for name in names or ["cpu", "commits", "reopen", "capacity", "watching"]:
        if name.startswith("resident="):
            _measure_resident(int(name.partition("=")[2]))
        else:
            measurements[name]()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main(sys.argv[1:])
