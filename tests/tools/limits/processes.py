"""Starting workers, all at the same time, and collecting what became of their calls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from fibonacci.emulator import Emulator
from tests.tools.benchmarks.processes import clean_environment
from tests.tools.limits.worker import OUTSIDER, Work, WorkDone

ROOT = Path(__file__).parents[3]


class RunningWork:
    """Workers that are ready or at work; they are killed at the end of a `with` block.

    Args:
        works: What each of them does.
        folder: The folder in which the limiter of a machine keeps its files.
    """

    def __init__(self, works: Sequence[Work], folder: Path) -> None:
        self.folder: Path = folder
        environment = {**clean_environment(), "XDG_RUNTIME_DIR": str(folder)}
        self.processes: list[subprocess.Popen[str]] = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.tools.limits.worker", json.dumps(asdict(work))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env=environment,
                text=True,
            )
            for work in works
        ]

    @property
    def is_at_work(self) -> bool:
        """Whether none of them has ended."""
        return all(process.poll() is None for process in self.processes)

    def wait_until_ready(self) -> None:
        """Wait until all are ready."""
        for process in self.processes:
            _wait_until_ready(process)

    def begin(self) -> None:
        """Let all begin that are ready."""
        for process in self.processes:
            _begin(process)

    def begin_one(self, process: subprocess.Popen[str]) -> None:
        """Let one begin as soon as it is ready."""
        _wait_until_ready(process)
        _begin(process)

    def kill(self) -> None:
        """Kill them."""
        for process in self.processes:
            process.kill()
            process.communicate()

    def done(self) -> list[WorkDone]:
        """Return what became of the calls of those that were not killed, when they have ended."""
        outputs = [process.communicate()[0] for process in self.processes]
        return [WorkDone(**json.loads(output)) for output in outputs if output]


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


@dataclass(frozen=True)
class Served:
    """What an emulator says of the requests that it received.

    Attributes:
        sent: How many were no outsider's.
        refused: How many of them were refused.
        lost: For each window but the first, the seconds between the end of the one before and its first request.
    """

    sent: int
    refused: int
    lost: list[float]

    @classmethod
    def by(cls, emulator: Emulator, seconds: float) -> Served:
        """Return what an emulator with windows of so many seconds has recorded."""
        requests = list(emulator.requests)
        own = [request for request in requests if OUTSIDER not in request.headers]
        lost: list[float] = []
        ends: float | None = None
        for request in requests:
            if request.status != 429 and (ends is None or request.time >= ends):
                lost += [] if ends is None else [request.time - ends]
                ends = request.time + seconds
        return cls(len(own), sum(request.status == 429 for request in own), lost)
