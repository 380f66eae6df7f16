"""Serve an emulator whose source is changed, in a process of its own, and run the contract suite against it.

`python -m tests.tools.mutants.grading` reads a list of files and their texts as JSON, and prints a grade for each.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from types import CodeType, ModuleType
from typing import Final, NamedTuple

from tests.contract.suite.check import run
from tests.contract.suite.checks import ALL

LIMIT: Final = 90
"""Seconds that a server and the suite may take: a server that hangs is detected, at the latest by that."""


class Grade(NamedTuple):
    """What the suite says of a server.

    Attributes:
        started: Whether there was a server at all.
        check: The first check that disagrees; empty if none does.
        why: What it says.
    """

    started: bool
    check: str
    why: str

    @property
    def survives(self) -> bool:
        """Whether there is a server, and nothing disagrees."""
        return self.started and not self.check


class ChangedSource(importlib.machinery.SourceFileLoader):
    """Loads one module from another text than that of its file."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


class ChangedModule:
    """Finds one module with a changed text, before others look for it."""

    def __init__(self, path: str, source: str) -> None:
        self._name = path.removesuffix(".py").replace("/", ".")
        self._source = source

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = ChangedSource(name, spec.origin, self._source)
        return spec


def grades(servers: Iterable[tuple[str, str]], jobs: int) -> Iterator[Grade]:
    """Yield the grade of each server, several at a time.

    Args:
        servers: The path of the file that is changed, and its text.
        jobs: How many at a time.
    """
    assert not any(name.startswith("fibonacci.emulator") for name in sys.modules), "a fork would have it unchanged"
    running: list[tuple[int, int]] = []
    for path, source in servers:
        if len(running) == jobs:
            yield _end(*running.pop(0))
        running.append(_begin(path, source))
    yield from (_end(*process) for process in running)


def _begin(path: str, source: str) -> tuple[int, int]:
    """Start the server and the suite in a process; return its id, and where its grade is read."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.setsid()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LIMIT)  # it ends the process, whatever Python is doing
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(1, 2)
        with suppress(BaseException):
            os.write(writing, json.dumps(_grade(path, source)).encode())
        os._exit(0)
    os.close(writing)
    return process, reading


def _end(process: int, reading: int) -> Grade:
    with os.fdopen(reading, "rb") as file:
        content = file.read()
    os.waitpid(process, 0)
    return Grade(*json.loads(content)) if content else Grade(True, "none", f"the suite has not ended after {LIMIT} s")


def _grade(path: str, source: str) -> Grade:
    sys.meta_path.insert(0, ChangedModule(path, source))
    try:
        serving = importlib.import_module("tests.tools.mutants.serving")
        server = serving.server_of(importlib.import_module("fibonacci.emulator").Emulator())
    except Exception as error:
        return Grade(False, "", f"{type(error).__name__}: {error}")
    for result in run(ALL, server):
        if result.outcome == "disagrees":
            return Grade(True, result.check.name, result.why[:300])
    return Grade(True, "", "")


if __name__ == "__main__":
    for result in grades(json.load(sys.stdin), jobs=1):
        print(json.dumps(result))
