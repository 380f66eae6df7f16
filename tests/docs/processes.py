"""Programs in separate processes, as clients of an emulator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fibonacci.emulator import Emulator
from tests.docs.running import environment
from tests.tools.markdown import ROOT

# More than any step takes on a busy machine.
PATIENCE = 30.0


class ApplicationProcess:
    """A program in a separate process.

    Args:
        process: The process.
        log: The file of its output.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has printed so far, to stdout and stderr."""
        return self._log.read_text("utf-8")

    def until(self, what: Callable[[], Any]) -> Any:
        """Return the value of a function as soon as it is true; the program must run until then."""
        ends = time.monotonic() + PATIENCE
        while not (found := what()):
            assert self._process.poll() is None, self.output
            assert time.monotonic() < ends, self.output
            time.sleep(0.02)
        return found


@contextmanager
def running(*arguments: str, emulator: Emulator, folder: Path, name: str = "log") -> Generator[ApplicationProcess]:
    """Run a module of Python as a client of an emulator; kill it at the end, and the processes that it has started.

    Args:
        arguments: The name of the module, and its arguments.
        emulator: The emulator.
        folder: Where it runs.
        name: The name of the file, in this folder, of its output.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    variables = {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PYTHONUNBUFFERED": "1"}
    log = folder / f"{name}.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env={**inherited, **environment(emulator), **variables},
            start_new_session=True,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            stdout=output,
        )
    try:
        yield ApplicationProcess(process, log)
    finally:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
