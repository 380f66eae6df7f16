"""Processes of their own: the server, workers that are told what to do, and scripts whose whole cost is counted."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Spent:
    """What something took: seconds of CPU, seconds on the clock, and what it returned."""

    cpu: float
    wall: float
    result: Any


def clean_environment() -> dict[str, str]:
    """Return the environment without what changes how Python runs or where a client connects."""
    unwanted = ("PYTHON", "FIBONACCI_", "OPENAI_", "ANTHROPIC_", "STRIPE_", "LANG", "COV_", "COVERAGE_", "SSL_")
    return {k: v for k, v in os.environ.items() if not k.startswith(unwanted) and not k.lower().endswith("_proxy")}


class Worker:
    """A process that keeps the code of one subject ready, and runs its functions."""

    def __init__(self, python: Path, code: str) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        self._process = subprocess.Popen(
            [python, str(HERE / "worker.py"), code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=tempfile.gettempdir(),
            env=clean_environment(),
            text=True,
        )

    def run(self, function: str, **arguments: Any) -> Spent:
        """Run a function of the subject.

        Raises:
            RuntimeError: If the worker has failed; the last line of its traceback says why.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"function": function, "arguments": arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # reading says why
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._reason())
        return Spent(**json.loads(line))

    def close(self) -> None:
        """End the process; what it prints about what it left open does not matter."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _reason(self) -> str:
        self._process.wait(10)
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with {self._process.returncode}"


def run_script(python: Path, code: str) -> Spent:
    """Run a script from start to end; the CPU is that of the whole process, and the result what it printed.

    Raises:
        RuntimeError: If it fails.
    """
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as output:
        began = os.times()
        process = subprocess.Popen(
            [python, "-c", code], stdout=output, stderr=errors, cwd=tempfile.gettempdir(), env=clean_environment()
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = os.times().elapsed - began.elapsed
        for file in (errors, output):
            file.seek(0)
        if process.returncode:
            raise RuntimeError(errors.read().decode("utf-8", "replace").strip().splitlines()[-1])
        return Spent(usage.ru_utime + usage.ru_stime, wall, output.read().decode().strip())


@contextmanager
def serve(python: str, *certificate: str) -> Generator[int]:
    """Run a server in a process of its own while the block lasts; yield its port."""
    command = [python, str(HERE / "server.py"), *certificate]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()
