"""Measure what many rows cost: the figures of docs/contributing/many-rows-measured.md.

    python -m tests.tools.batch.scale cpu
    python -m tests.tools.batch.scale memory

`memory` takes some minutes, and 3 GB of disk.
"""

from __future__ import annotations

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

from fibonacci import Fibonacci
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci.emulator import Emulator
from tests.batch.journals import fill
from tests.batch.platform import served_emulator

_GREETER = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
_ROWS = 1_000
_ROUNDS = 7
_AT_A_TIME = 20


def cpu() -> None:
    """Compare the processor time of a row with that of what somebody would write by hand, on the same client."""
    with (
        served_emulator() as address,
        tempfile.TemporaryDirectory() as folder,
        Fibonacci(address.api_key, base_url=address.base_url) as client,
    ):
        workflow = client.workflows.create(name="greeter", definition=_GREETER).id
        paths = (str(Path(folder, f"{number}.db")) for number in range(1_000))
        _compare(
            {
                "by hand": lambda: _plain_threads(client, workflow),
                "run_many": lambda: _run_many(client, workflow, None),
                "journal": lambda: _run_many(client, workflow, next(paths)),
            }
        )


def _compare(ways: Mapping[str, Callable[[], None]]) -> None:
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
        print(
            f"threads, {name}: {each:.0f} us of processor time a row, {each / medians['by hand']:.2f} of that by hand"
        )


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
    measurements = {each.__name__: each for each in (cpu, memory)}
    for name in names or ["cpu"]:
        if name.startswith("resident="):
            _measure_resident(int(name.partition("=")[2]))
        else:
            measurements[name]()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main(sys.argv[1:])
