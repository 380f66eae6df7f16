"""What a measurement is given: the server, the environments, and how long it may take."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import interleaved
from tests.tools.benchmarks.processes import Spent, Worker, run_script

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from tests.tools.benchmarks.environments import Environments
    from tests.tools.benchmarks.subjects import Subject


@dataclass(frozen=True)
class Bench:
    """What a measurement is given.

    Attributes:
        environments: Where the subjects are installed.
        url: The server.
        tls_url: The same over TLS.
        authority: The certificate that the latter is signed with, a PEM file.
        full: Whether to take the time that it takes.
    """

    environments: Environments
    url: str
    tls_url: str
    authority: Path
    full: bool

    def runs(self, quick: int, full: int) -> int:
        """How many runs to make."""
        return full if self.full else quick

    @contextmanager
    def workers(
        self, subjects: Mapping[str, Subject], warm: Callable[[Worker], object]
    ) -> Generator[dict[str, Worker]]:
        """Start a worker for each subject whose environment can be made; print why for the others."""
        with ExitStack() as stack:
            ready: dict[str, Worker] = {}
            for name, subject in subjects.items():
                try:
                    worker = self.worker(subject)
                    stack.callback(worker.close)
                    warm(worker)
                except RuntimeError as reason:
                    skipped(name, reason)
                else:
                    ready[name] = worker
            yield ready

    def worker(self, subject: Subject) -> Worker:
        """Start a worker for one subject.

        Raises:
            RuntimeError: If its packages cannot be installed.
        """
        return Worker(self.environments.python(subject.environment), subject.code(self.url))

    def scripts(self, scripts: Mapping[str, tuple[str, str]], runs: int) -> dict[str, list[Spent]]:
        """Run scripts, given as environment and code, so many times; one that fails is left out, and it is said why."""
        ready: dict[str, Callable[[], Spent]] = {}
        for name, (environment, code) in scripts.items():
            try:
                python = self.environments.python(environment)
                run_script(python, code)  # so that the files are in memory, and what fails fails now
            except RuntimeError as reason:
                skipped(name, reason)
            else:
                ready[name] = partial(run_script, python, code)
        return interleaved(ready, runs)


def skipped(name: str, reason: Exception) -> None:
    """Say that a subject is left out, and why."""
    print(f"  without {name}: {reason}", file=sys.stderr, flush=True)
