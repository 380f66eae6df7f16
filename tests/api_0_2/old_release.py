"""The published fibonacci-sdk 0.2.4, in an environment that has nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.kit.programs import skip_or_fail

RELEASE: Final = "fibonacci-sdk==0.2.4"

KEY: Final = "fib_live_0123456789abcdef"
"""The key of the emulators that programs run against: 0.2.4 takes none that begins otherwise."""


class OldRelease:
    """An installation of 0.2.4.

    Args:
        folder: Where to install it.

    Attributes:
        python: The Python that has it.
    """

    def __init__(self, folder: Path) -> None:
        self.python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        if find_spec("uv") is None:
            skip_or_fail("uv", "pip install uv")
        uv = [sys.executable, "-m", "uv"]
        for command in (
            ["venv", "-q", "--python", sys.executable, str(folder)],
            ["pip", "install", "-q", "--python", str(self.python), RELEASE],
        ):
            done = subprocess.run([*uv, *command], capture_output=True, text=True)
            if done.returncode:
                skip_or_fail(RELEASE, f"it is in the package index, which could not be reached: {done.stderr}")


def run_program(python: Path, program: Path, base_url: str, *arguments: str) -> str:
    """Run a program, which must succeed, and return what it prints.

    Args:
        python: The Python.
        program: The program.
        base_url: The base URL for it.
        *arguments: Its arguments.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FIBONACCI_", "PYTHON"))}
    done = subprocess.run(
        [python, program, *arguments],
        env={**inherited, "FIBONACCI_BASE_URL": base_url, "FIBONACCI_API_KEY": KEY, "PYTHONIOENCODING": "utf-8"},
        cwd=program.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
