"""Starting workers, all at the same time, and collecting what became of their calls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.tools.benchmarks.processes import clean_environment
from tests.tools.limits.worker import Work, WorkDone

ROOT = Path(__file__).parents[3]
_WORKER = Path(__file__).parent / "worker.py"


class RunningWork:
    """Workers that are ready or at work; they are killed at the end of a `with` block.

    Args:
        works: What each of them does.
        folder: The folder in which the limiter of a machine keeps its files.
    """

    def __init__(self, works: Sequence[Work], folder: Path) -> None:
        self._environment = {**clean_environment(), "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
        self.processes: list[subprocess.Popen[str]] = [self._start(work) for work in works]

    def replace_one(self, work: Work) -> None:
        """Kill one of them, and start another one, which begins as soon as it is ready."""
        killed = self.processes.pop(0)
        killed.kill()
        killed.communicate()
        self.processes.append(process := self._start(work))
        _begin(process)

    def _start(self, work: Work) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(_WORKER), json.dumps(asdict(work))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            text=True,
        )

    def wait_until_ready(self) -> None:
        """Wait until all are ready."""
        for process in self.processes:
            _wait_until_ready(process)

    def begin(self) -> None:
        """Let all begin that are ready."""
        for process in self.processes:
            _begin(process)

    def kill(self) -> None:
        """Kill them."""
        for process in self.processes:
            process.kill()
            process.communicate()

    def done(self) -> list[WorkDone]:
        """Return what became of the calls of those that were not killed, when they have ended."""
        outputs = [process.communicate()[0] for process in self.processes]
        return [WorkDone(**json.loads(output.splitlines()[-1])) for output in outputs if output]


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def _begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@contextmanager
def running(works: Sequence[Work], folder: Path) -> Generator[RunningWork]:
    """Start workers, and kill them at the end of the block."""
    work = RunningWork(works, folder)
    try:
        yield work
    finally:
        work.kill()
