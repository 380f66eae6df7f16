"""Run the Python of pages, docstrings and examples as their reader would, against an emulator of their own.

Each page or docstring has one `Setting`: a running emulator that the environment points to, an empty folder, and a
namespace that its blocks share in order. `await` may stand at the top level.

A block that begins with a comment naming a file (`# conftest.py`, `# report.yaml`) is saved under that name first; this
goes for other languages too. A Python block that holds tests is run by pytest, any other one here.

`print(x)  # prints: text` states what comes out: every such text is a line of the output, in this order, and `...` in
it stands for anything.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import io
import os
import re
import subprocess
import sys
from contextlib import ExitStack, chdir, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import CodeType

    from tests.docs.markdown import Block

_PRINTS = re.compile(r"# prints: (.+)$", re.MULTILINE)
_TESTS = re.compile(r"^ *(?:async )?def test_", re.MULTILINE)

# Plugins of others that have no part in what the pages show.
SLOW_TO_LOAD = ("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:pytest_cov")


@dataclass
class Setting:
    """What the blocks of one page or docstring share."""

    emulator: Emulator
    folder: Path
    loop: asyncio.Runner
    namespace: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__", "__builtins__": builtins})

    def run(self, block: Block) -> None:
        """Run a Python block and compare what it prints with what it says that it prints."""
        if block.saved_as:
            (self.folder / block.saved_as).write_text(block.code, "utf-8")
        if block.language != "python":
            return
        code = compiled(block)
        if holds_tests(block):
            self._test(block)
        elif block.not_run is None:
            check_prints(block.code, self._output(code))

    def _output(self, code: CodeType) -> str:
        output = io.StringIO()
        run = FunctionType(code, self.namespace)
        with patch.dict(os.environ, environment(self.emulator)), chdir(self.folder), redirect_stdout(output):
            if waits(code):
                self.loop.run(run())
            else:
                run()
        return output.getvalue()

    def _test(self, block: Block) -> None:
        name = block.saved_as or "test_block.py"
        (self.folder / name).write_text(block.code, "utf-8")
        # -B: what is compiled of a block would be taken for one of the same name, length and second.
        arguments = ("-B", "-m", "pytest", "-q", "-W", "error", *SLOW_TO_LOAD, name)
        run_python(*arguments, emulator=self.emulator, folder=self.folder)

    def close(self) -> None:
        """Close the clients that the blocks left open: what is not closed is not what they are about."""
        for value in self.namespace.values():
            if isinstance(value, Fibonacci):
                value.close()
            elif isinstance(value, AsyncFibonacci):
                self.loop.run(value.aclose())


@contextmanager
def setting() -> Generator[Setting]:
    """Start an emulator and all that goes with it."""
    with Emulator() as emulator, TemporaryDirectory() as folder, asyncio.Runner() as loop, ExitStack() as stack:
        made = Setting(emulator, Path(folder), loop)
        stack.callback(made.close)
        yield made


def environment(emulator: Emulator | None) -> dict[str, str]:
    """Return the two variables that lead a client to the emulator; without one, none."""
    return {"FIBONACCI_API_KEY": emulator.api_key, "FIBONACCI_BASE_URL": emulator.base_url} if emulator else {}


def compiled(block: Block) -> CodeType:
    """Compile a block so that a traceback shows its lines."""
    source = "\n" * (block.line - 1) + block.code
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code: CodeType = compile(source, block.path, "exec", flags=flags, dont_inherit=True)
    return code


def holds_tests(block: Block) -> bool:
    """Tell whether a block is one for pytest."""
    return _TESTS.search(block.code) is not None


def waits(code: CodeType) -> bool:
    """Tell whether a block awaits at its top level."""
    return bool(code.co_flags & inspect.CO_COROUTINE)


def check_prints(code: str, output: str) -> None:
    """Compare an output with the `# prints:` comments of the code that made it."""
    lines = iter(output.splitlines())
    for text in _PRINTS.findall(code):
        pattern = ".*".join(map(re.escape, text.strip().split("...")))
        assert any(re.fullmatch(pattern, line.strip()) for line in lines), f"not printed: {text}\n{output}"


def run_python(*arguments: str, emulator: Emulator | None, folder: Path) -> str:
    """Run Python in a process of its own, which must succeed and print nothing to stderr; return its output."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("FIBONACCI_", "PYTEST_", "COV_"))
    }
    run = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        check=False,
        cwd=folder,
        env=inherited | environment(emulator),
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=90,
    )
    assert (run.returncode, run.stderr) == (0, ""), f"{run.stdout}\n{run.stderr}"
    return run.stdout
