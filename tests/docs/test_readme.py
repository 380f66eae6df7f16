"""Each Python block of the README runs alone, in a file and in a REPL; its commands work after those above them."""

from __future__ import annotations

import os
from code import InteractiveConsole
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from io import StringIO
from itertools import takewhile
from pathlib import Path
from unittest.mock import patch

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import invoke
from tests.docs.running import check_prints, environment, frequent_polls, holds_tests, setting
from tests.kit.assertions import check_rows
from tests.tools.markdown import ROOT, SHELL, Block, blocks_of

README = ROOT / "README.md"
PYTHON = [block for block in blocks_of(README) if block.language == "python"]
COMMANDS = next(block for block in blocks_of(README) if block.language in SHELL and "fibonacci run " in block.code)


def test_each_block_alone() -> None:
    check_rows(((str(block), block) for block in PYTHON), run_alone)


def run_alone(block: Block) -> None:
    with setting() as alone:
        alone.run(block)


def test_each_block_pasted_into_a_repl(tmp_path_factory: pytest.TempPathFactory) -> None:
    pasted = ((str(block), block) for block in PYTHON if not holds_tests(block))
    check_rows(pasted, lambda block: paste(block, tmp_path_factory.mktemp("repl")))


def paste(block: Block, folder: Path) -> None:
    console, output, errors = InteractiveConsole({"__name__": "__console__"}), StringIO(), StringIO()
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        stack.enter_context(patch.dict(os.environ, environment(emulator)))
        for context in (chdir(folder), frequent_polls(), redirect_stdout(output), redirect_stderr(errors)):
            stack.enter_context(context)
        for line in [*block.code.splitlines(), "", "'client' in globals() and client.close()"]:
            console.push(line)
    assert errors.getvalue() == ""
    check_prints(block.code, output.getvalue())


def test_the_commands_work_after_the_blocks_above_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with setting() as above:
        for block in takewhile(lambda block: block.line < COMMANDS.line, PYTHON):
            above.run(block)
        monkeypatch.chdir(above.folder)
        for name, value in {**environment(above.emulator), "FIBONACCI_CONFIG_DIR": str(tmp_path)}.items():
            monkeypatch.setenv(name, value)
        runs = [invoke(*line.split()[1:]) for line in COMMANDS.code.splitlines()]
    assert [(run.code, run.err) for run in runs] == [(0, "")] * len(runs)
    assert runs[0].data["outputs"] == {"greet": "[default model] Greet Ada"}
