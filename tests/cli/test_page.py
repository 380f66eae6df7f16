"""The shell blocks of the page about the command: each line runs, exits as it says, and prints what follows it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import environment, invoke
from tests.docs.markdown import ROOT, Block, blocks
from tests.docs.running import check_prints
from tests.kit.systems import needs_shell

PAGE = ROOT / "docs" / "how-to" / "command-line.md"
SECTIONS = ["Runs", "Definitions and deployments"]
SECTIONS_IN_BASH = ["Calls", "Output and exit codes"]
_EXIT = re.compile(r"\s+# exit (\d+)$")


class ShellLine(NamedTuple):
    """A line of a shell block: its command, and the exit code in the comment after it."""

    command: str
    code: int

    @classmethod
    def of(cls, text: str) -> ShellLine:
        found = _EXIT.search(text)
        return cls(_EXIT.sub("", text), int(found[1]) if found else 0)


def section(title: str) -> list[Block]:
    text = PAGE.read_text("utf-8")
    start = text.index(f"\n## {title}\n")
    end = text.find("\n## ", start + 1)
    return list(blocks(text[start : end if end > 0 else None], PAGE, text.count("\n", 0, start) + 1))


def run(block: Block) -> Iterator[str]:
    """Run the lines of a block, and yield what each prints."""
    for line in map(ShellLine.of, block.code.splitlines()):
        words = shlex.split(line.command)
        if words[0] != "fibonacci":
            subprocess.run(words, check=True)
            continue
        done = invoke(*words[1:])
        assert done.code == line.code, f"{block}: {line.command} exits {done.code}\n{done.out}{done.err}"
        yield done.out + done.err


@pytest.mark.usefixtures("folder", "platform")
@pytest.mark.parametrize("title", SECTIONS)
def test_a_section(title: str) -> None:
    printed = ""
    for block in section(title):
        if block.saved_as:
            Path(block.saved_as).write_text(block.code, "utf-8")
        elif block.language == "bash":
            printed = "".join(run(block))
        elif block.language == "text":
            check_prints("\n".join(f"# prints: {line}" for line in block.code.splitlines()), printed)


@pytest.mark.slow
@needs_shell
@pytest.mark.parametrize("title", SECTIONS_IN_BASH)
def test_a_section_with_variables_and_pipes(folder: Path, tmp_path: Path, platform: Emulator, title: str) -> None:
    blocks_found = section(title)
    for block in blocks_found:
        if block.saved_as:
            Path(block.saved_as).write_text(block.code, "utf-8")
    script = "\n".join(block.code for block in blocks_found if block.language == "bash")
    command = f'fibonacci() {{ "{sys.executable}" -W error -m fibonacci.cli "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command + script],
        capture_output=True,
        cwd=folder,
        env={**environment(platform, tmp_path), "PYTHONPATH": str(ROOT)},
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    check_prints(script, done.stdout)
