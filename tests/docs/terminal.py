"""The shell blocks of a page as its reader runs them: `fibonacci dev` in one terminal, everything else in another.

Each line runs by itself. `# exit 2` behind it states its exit code, which is 0 otherwise. What the lines of a block
print is what the `text` block after it shows; without such a block they print nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from runpy import run_path
from socket import create_server
from threading import Thread
from unittest.mock import patch

import pytest

from fibonacci.cli.main import main
from tests.cli.invocation import TextStream
from tests.docs.running import NESTED, WITHOUT_OTHERS, frequent_polls, imports_of, own_logging
from tests.kit.pseudo_terminal import PseudoTerminal
from tests.tools.markdown import ROOT, SHELL, Block

DEV = "fibonacci dev "
ADDRESS = "127.0.0.1:8787"
"""Where the emulator of the pages listens; that of the tests takes a free port."""

# More than any step takes on a busy machine.
PATIENCE = 60.0

_EXIT = re.compile(r"\s+# exit (\d+)$")
_EXPORT = re.compile(r"export (\w+)=(\S+)")
_PYTHON = shlex.quote(sys.executable)
_COMMANDS = f"""
export PYTHONWARNINGS=error
python() {{ exec {_PYTHON} "$@"; }}
fibonacci() {{ exec {_PYTHON} -m fibonacci.cli "$@"; }}
"""
"""Those of the environment that runs the tests, in place of the shell itself: a signal is theirs."""


class TerminalProcess:
    """A program on a new terminal, which is read until it is closed.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        environment: All variables.
    """

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._terminal = PseudoTerminal()
        shown = self._terminal.descriptor
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stderr=shown, stdin=subprocess.DEVNULL, stdout=shown
        )
        self._reader = Thread(target=self._terminal.read)
        self._reader.start()

    @property
    def output(self) -> str:
        """What it has printed so far, to stdout and stderr."""
        return self._terminal.output.replace("\r", "")

    def until(self, text: str) -> None:
        """Wait until it has printed a text."""
        ends = time.monotonic() + PATIENCE
        while text not in self.output:
            assert self._process.poll() is None, self.output
            assert time.monotonic() < ends, self.output
            time.sleep(0.02)

    def end(self, number: signal.Signals | None = None) -> int:
        """Send a signal, if one is given; wait for the end, and return the exit code."""
        if number is not None:
            self._process.send_signal(number)
        try:
            return self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._reader.join()


@dataclass
class Terminals:
    """The two terminals of a reader, in one folder."""

    folder: Path
    address: str = field(default_factory=lambda: f"127.0.0.1:{_free_port()}")
    exported: dict[str, str] = field(default_factory=dict[str, str])
    dev: TerminalProcess | None = None
    in_process: bool = False
    """Whether programs and commands other than `fibonacci dev` run in this process, which takes a tenth of the time."""

    def run(self, block: Block, expected: str) -> None:
        """Run a shell block, and compare what it prints.

        Args:
            block: The block.
            expected: The `text` block after it, or an empty text.
        """
        output = "".join(map(self._line, self._here(block.code).splitlines()))
        assert matches(self._here(expected), output), f"{block} prints:\n{output}"

    def close(self) -> None:
        """End the emulator."""
        if self.dev is not None:
            code = self.dev.end(signal.SIGINT)
            assert code == 0, self.dev.output
            self.dev = None

    def _here(self, text: str) -> str:
        return text.replace(ADDRESS, self.address)

    def _line(self, line: str) -> str:
        if line.startswith(DEV):
            return self._serve(f"{line} --port {self.address.split(':')[1]}")
        self.exported |= dict(_EXPORT.findall(line))
        stated = _EXIT.search(line)
        line = _EXIT.sub("", line)
        words = shlex.split(line)
        if self.in_process and words[0] in ("fibonacci", "python"):
            with own_logging(), patch.dict(os.environ, self._environment(), clear=True), chdir(self.folder):
                code, output = run_here(words)
        else:
            process = self._start(line)
            code, output = process.end(), process.output
        assert code == (int(stated[1]) if stated else 0), f"{line} exits {code}\n{output}"
        return output

    def _serve(self, line: str) -> str:
        self.close()
        self.dev = self._start(line)
        self.dev.until("Ctrl-C ends the emulator.\n")
        return self.dev.output

    def _start(self, line: str) -> TerminalProcess:
        return TerminalProcess(["bash", "-c", _COMMANDS + line], self.folder, self._environment())

    def _environment(self) -> dict[str, str]:
        dropped = ("FIBONACCI_", "PYTEST_", "COV_", "XDG_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        added = {
            "PYTHONPATH": str(ROOT),
            "PYTEST_ADDOPTS": shlex.join(WITHOUT_OTHERS),
            "COLUMNS": "80",
            "NO_COLOR": "1",
        }
        added["HOME"] = "/home/ada"  # a short path without profiles: a longer one would wrap lines that name it
        return {**inherited, **added, **self.exported}


def run_here(words: list[str]) -> tuple[int, str]:
    """Run a program or a command in this process; return its exit code, and what it prints as if on a terminal."""
    shown = TextStream(is_terminal=True)
    with ExitStack() as stack:
        for context in (imports_of(Path.cwd()), frequent_polls(), redirect_stdout(shown), redirect_stderr(shown)):
            stack.enter_context(context)
        stack.enter_context(patch.object(sys, "argv", words[1:]))
        match words:
            case "fibonacci", *arguments:
                code = main(arguments)
            case "python", "-m", "pytest", *arguments:
                code = pytest.main([*arguments, *NESTED])
            case _:
                run_path(words[1], run_name="__main__")
                code = 0
    return code, shown.getvalue()


def matches(expected: str, output: str) -> bool:
    """Compare an output with the text that a page shows.

    `...` stands for anything within a line, and on a line of its own for any lines.
    """
    lines = [".*".join(map(re.escape, line.split("..."))) for line in expected.strip().splitlines()]
    pattern = "\n".join("(?s:.*)" if line == ".*" else line for line in lines)
    return re.fullmatch(pattern, output.strip()) is not None


def follow(blocks: list[Block], terminals: Terminals) -> None:
    """Do what a page says: save its files, and run its lines.

    Args:
        blocks: The blocks of the page, in order.
        terminals: The terminals of the reader.
    """
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        if block.not_run is not None:
            continue
        if block.saved_as:
            (terminals.folder / block.saved_as).write_text(block.code, "utf-8")
        elif block.language in SHELL:
            shown = after is not None and after.language == "text" and not after.saved_as
            terminals.run(block, after.code if after is not None and shown else "")


def _free_port() -> int:
    with create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
