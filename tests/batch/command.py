"""The command `run-many`, in this process or in its own, and what it prints."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.cli.invocation import invoke
from tests.kit.nodes import tool

GREET = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
REST = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}
EXECUTE = "POST /workflows/{workflow_id}/execute"
CSV = "id,name\n7,Ada\n8,Bob\n"
KEPT = ("--journal", "runs.db", "--out", "o.jsonl")


class Command:
    """The command, run in a folder that is the current one for it alone, with an emulator for the platform.

    A call runs it in this process; `start` begins a process.

    Args:
        emulator: The platform.
        folder: The folder.
    """

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.folder = folder
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
        variables = {"FIBONACCI_API_KEY": emulator.api_key, "FIBONACCI_BASE_URL": emulator.base_url}
        self.environment: dict[str, str] = {**inherited, **variables, "PYTHONWARNINGS": "error"}

    def __call__(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        with contextlib.chdir(self.folder), patch.dict(os.environ, self.environment, clear=True):
            return subprocess.CompletedProcess(arguments, *invoke("run-many", *arguments, stdin=stdin))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        line = self.line(arguments)
        return subprocess.Popen(line, cwd=self.folder, env=self.environment, stdout=pipe, stderr=pipe, text=True)

    def line(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "fibonacci.cli", "run-many", *arguments]

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, "utf-8")
        return name

    def read(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")


def wait_while_running(process: subprocess.Popen[Any], condition: Callable[[], bool]) -> None:
    """Wait until a process has brought about a condition; it fails as soon as the process has ended without."""
    while not condition():
        assert process.poll() is None or condition(), f"it has ended with {process.returncode}"
        time.sleep(0.001)


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def last_line(text: str) -> str:
    return text.splitlines()[-1]


def executions(client: Fibonacci, workflow_id: str) -> dict[Any, int]:
    """Return how many executions the rows have by their `id`, as the emulator has recorded them."""
    found = client.executions.list(workflow_id=workflow_id, page_size=200)
    return Counter((each.inputs or {})["id"] for each in found)
