"""An emulator in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

_PROGRAM = """
import sys
from fibonacci.emulator import Emulator

with Emulator(api_key="key", keep=None, plan=sys.argv[1]) as emulator:
    print(emulator.base_url, flush=True)
    sys.stdin.read()
"""


class Address(NamedTuple):
    """Where an emulator is."""

    base_url: str
    api_key: str = "key"


@contextmanager
def served_emulator(plan: str = "enterprise") -> Generator[Address]:
    """Run an emulator while the block lasts."""
    command = [sys.executable, "-c", _PROGRAM, plan]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Address(process.stdout.readline().strip())
        finally:
            process.kill()
