"""Run the Python of pages, docstrings and examples as their reader would, against a new emulator.

Each page or docstring has one `Setting`: a running emulator that the environment points to, an empty folder, and a
namespace that its blocks share in order. `await` may stand at the top level.

A block that begins with a comment naming a file (`# conftest.py`, `# report.yaml`) is saved under that name first; this
goes for other languages too. A Python block that holds tests is run by a session of pytest within this process.

`print(x)  # prints: text` states what comes out: every such text is a line of the output, in this order, and `...` in
it stands for anything.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import importlib
import inspect
import io
import logging
import os
import re
import runpy
import subprocess
import sys
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import CodeType

    from tests.tools.markdown import Block

_PRINTS = re.compile(r"# prints: (.+)$", re.MULTILINE)
_TESTS = re.compile(r"^ *(?:async )?def test_", re.MULTILINE)

NEEDS_MORE = re.compile(
    r"^ *(?:import|from) (?:anthropic|celery|distributed|django|fastapi|ollama|openai)\b"
    r"|\.to_(?:arrow|pandas|polars)\(",
    re.MULTILINE,
)
"""Code with it needs the extra `test-slow`, so that only slow tests run it."""

# Plugins of others that have no part in what the pages show.
WITHOUT_OTHERS = tuple(
    argument
    for plugin in ("asyncio", "hypothesispytest", "pytest_cov", "schemathesis")
    for argument in ("-p", f"no:{plugin}")
)

# What a session within a session leaves to the outer one: errors of threads and of the garbage collector.
NESTED = tuple(
    argument
    for plugin in ("cacheprovider", "faulthandler", "threadexception", "unraisableexception")
    for argument in ("-p", f"no:{plugin}")
)


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
            path = self.folder / block.saved_as
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, "utf-8")
        if block.language != "python":
            return
        code = compiled(block)
        try:
            if holds_tests(block):
                self._test(block)
            elif block.not_run is None:
                check_prints(block.code, self._output(code))
        except Exception as error:
            error.add_note(f"block: {block}")
            raise

    def run_file(self, path: Path) -> None:
        """Run a file as a program, in this process, and compare what it prints with what it says that it prints."""
        output, errors = io.StringIO(), io.StringIO()
        with self._entered(), imports_of(path.parent), redirect_stdout(output), redirect_stderr(errors):
            self.namespace |= runpy.run_path(str(path), run_name="__main__")
        assert errors.getvalue() == ""
        check_prints(path.read_text("utf-8"), output.getvalue())

    def _output(self, code: CodeType) -> str:
        output = io.StringIO()
        run = FunctionType(code, self.namespace)
        with self._entered(), redirect_stdout(output):
            if waits(code):
                self.loop.run(run())
            else:
                run()
        return output.getvalue()

    def _test(self, block: Block) -> None:
        path = self.folder / (block.saved_as or "test_block.py")
        path.write_text(block.code, "utf-8")
        with self._entered():
            run_tests(path)

    @contextmanager
    def _entered(self) -> Generator[None]:
        """Be in the folder, with an environment that leads to the emulator; runs are polled often."""
        with patch.dict(os.environ, environment(self.emulator)), chdir(self.folder), frequent_polls():
            yield

    def close(self) -> None:
        """Close the clients that the blocks left open: what is not closed is not what they are about."""
        for value in self.namespace.values():
            if isinstance(value, Fibonacci):
                value.close()
            elif isinstance(value, AsyncFibonacci):
                self.loop.run(value.aclose())


@contextmanager
def setting(emulator: Emulator | None = None) -> Generator[Setting]:
    """Make all that goes with an emulator; without one, start it too."""
    with TemporaryDirectory() as folder, asyncio.Runner() as loop, ExitStack() as stack:
        made = Setting(emulator or stack.enter_context(Emulator()), Path(folder), loop)
        stack.callback(made.close)
        yield made


@contextmanager
def own_logging() -> Generator[None]:
    """Let Python print warnings as it does where no logging is set up, and restore the package's logger at the end."""
    logger, root = logging.getLogger("fibonacci"), logging.getLogger()
    handlers, level, of_pytest = [*logger.handlers], logger.level, [*root.handlers]
    root.handlers.clear()
    try:
        yield
    finally:
        for handler in {*logger.handlers} - {*handlers}:
            logger.removeHandler(handler)
        logger.setLevel(level)
        root.handlers[:] = of_pytest


@contextmanager
def frequent_polls() -> Generator[None]:
    """Poll a run after a twentieth of a second first, which is a second otherwise: a reader waits, a test need not."""
    with patch("fibonacci._core.polling.FIRST", 0.05):
        yield


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


def run_tests(path: Path) -> None:
    """Run a file of tests as `pytest` does, with warnings as errors; they must pass."""
    output = io.StringIO()
    # What it would say of an assertion that fails takes it a third of its start.
    options = ["-q", "-W", "error", "--assert=plain", f"--rootdir={path.parent}", *NESTED, *WITHOUT_OTHERS]
    with imports_of(path.parent), redirect_stdout(output), redirect_stderr(output):
        code = pytest.main([str(path), *options])
    assert code == 0, output.getvalue()


@contextmanager
def imports_of(folder: Path) -> Generator[None]:
    """Let modules be imported from a folder, and forget them at the end: other folders have modules of these names."""
    importlib.invalidate_caches()
    before = {*sys.modules}
    # What is compiled of a block would be taken for one of the same name, length and second.
    with patch.object(sys, "path", [str(folder), *sys.path]), patch.object(sys, "dont_write_bytecode", True):
        try:
            yield
        finally:
            for name in {*sys.modules} - before:
                if Path(getattr(sys.modules[name], "__file__", None) or "").is_relative_to(folder):
                    del sys.modules[name]


def run_python(*arguments: str, emulator: Emulator | None, folder: Path) -> str:
    """Run Python in a new process, which must succeed and print nothing to stderr; return its output."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("FIBONACCI_", "PYTEST_", "COV_"))
    }
    run = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        check=False,
        cwd=folder,
        env=inherited | environment(emulator) | {"PYTEST_ADDOPTS": " ".join(WITHOUT_OTHERS)},
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=90,
    )
    assert (run.returncode, run.stderr) == (0, ""), f"{run.stdout}\n{run.stderr}"
    return run.stdout
