"""Run tests again and again, each time in a process that has imported the libraries already, but not the package.

`python -m tests.tools.mutation` starts it in a copy of the tree and writes a line of JSON for each run: the arguments
of pytest. It answers with a line: what failed, or null.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from typing import IO, Final

import pytest

# Importing them takes longer than most of the tests.
_LIBRARIES: Final = (
    "anyio.from_thread",
    "httpx",
    "hypothesis.strategies",
    "pydantic",
    "tenacity",
    "trio",
    "execnet",
    "redis.asyncio",
    "trustme",
)
_LONGEST: Final = 300.0
"""Seconds that a run may take: a mutant that waits forever is caught, at the latest by that."""


def main() -> None:
    """Run tests until the input ends."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(_failure(json.loads(line))), flush=True)


def _failure(arguments: list[str]) -> str | None:
    with tempfile.TemporaryFile("w+") as output:
        process = os.fork()
        if process == 0:
            _run(arguments, output)
        ends = time.monotonic() + _LONGEST
        while not (ended := os.waitpid(process, os.WNOHANG))[0] and time.monotonic() < ends:
            time.sleep(0.01)
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)  # it, or what it has left behind
        if not ended[0]:
            os.waitpid(process, 0)
            return f"not done after {_LONGEST:.0f} s"
        if ended[1] == 0:
            return None
        output.seek(0)
        lines = output.read().splitlines()
        return next((line for line in lines if line.startswith(("FAILED", "ERROR"))), "\n".join(lines[-3:]))


class _AsyncAlone:
    """Leaves out the cases of the sync client: its source is derived from the async one, and not mutated with it."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if "[sync" not in item.name]


def _run(arguments: list[str], output: IO[str]) -> None:
    """Run pytest, and end the process with its exit code."""
    os.setsid()
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = 70
    try:
        code = int(pytest.main(arguments, plugins=[_AsyncAlone()]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
