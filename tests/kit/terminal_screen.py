"""A command in a pseudo terminal, and the lines that stand on its screen when it has ended."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.kit.pseudo_terminal import PseudoTerminal

# Colors stay in the lines; the other control sequences move the cursor or erase.
_TOKEN = re.compile(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)")
_SEQUENCE = re.compile(r"\x1b\[(?P<number>[0-9;?]*)(?P<final>[A-Za-z])")


def run_on_terminal(command: str, *, columns: int, folder: Path, env: Mapping[str, str]) -> list[str]:
    """Run a command line of `fibonacci` as a person does.

    Args:
        command: The command line, such as `fibonacci workflows list`.
        columns: The width of the terminal.
        folder: Where it runs.
        env: Its environment.

    Returns:
        The lines of the screen, with ANSI colors.
    """
    program, *arguments = shlex.split(command)
    assert program == "fibonacci", command
    terminal = PseudoTerminal(columns)
    end = terminal.descriptor
    line = [sys.executable, "-m", "fibonacci.cli", *arguments]
    looks = {"TERM": "xterm-256color", "TZ": "UTC", "LANG": "C.UTF-8"}
    with subprocess.Popen(line, stdin=end, stdout=end, stderr=end, cwd=folder, env={**env, **looks}):
        return screen_lines(terminal.read())


def screen_lines(output: str) -> list[str]:
    """Return the lines that an output leaves on a screen.

    A line that is written again is erased before.
    """
    lines, row = [""], 0
    for token in _TOKEN.split(output):
        sequence = _SEQUENCE.fullmatch(token)
        if token == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif sequence is None:
            lines[row] += token.replace("\r", "")
        elif sequence["final"] == "A":
            row = max(0, row - int(sequence["number"] or 1))
        elif sequence["final"] in "KJ":  # the rest of a line, or of the screen
            lines[row:] = ["", *(lines[row + 1 :] if sequence["final"] == "K" else [])]
        elif sequence["final"] == "m":
            lines[row] += token
    while lines and not lines[-1]:
        lines.pop()
    return lines
