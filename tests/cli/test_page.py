"""The shell blocks of the pages about the command: each line runs, exits as it says, and prints what follows it."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from fibonacci.cli.main import command_parser
from tests.cli.invocation import invoke
from tests.docs.running import check_prints
from tests.tools.markdown import ROOT, SHELL, Block, blocks_of

FOLDER = ROOT / "docs" / "how-to"
PAGES = ["use-the-command-line", "follow-runs-in-a-terminal", "write-definition-files", "deploy-workflows"]
GREETER = """{
  "name": "Greeter",
  "nodes": [
    {
      "id": "greet",
      "type": "llm",
      "instruction": "Greet {{input.name}}"
    }
  ]
}
"""
_EXIT = re.compile(r"\s+# exit (\d+)$")
_READER = re.compile(r" [|>] .*")


class ShellLine(NamedTuple):
    """A line of a shell block: its command, and the exit code in the comment after it."""

    command: str
    code: int

    @classmethod
    def of(cls, text: str) -> ShellLine:
        found = _EXIT.search(text)
        return cls(_EXIT.sub("", text), int(found[1]) if found else 0)


def run(block: Block) -> Iterator[str]:
    """Run the lines of a block, without the programs that read them, and yield what each prints."""
    for line in map(ShellLine.of, block.code.splitlines()):
        words = shlex.split(_READER.sub("", line.command), comments=True)
        if words[0] != "fibonacci":
            subprocess.run(words, check=True)
            continue
        done = invoke(*words[1:])
        assert done.code == line.code, f"{block}: {line.command} exits {done.code}\n{done.out}{done.err}"
        yield done.out + done.err


@pytest.mark.usefixtures("folder", "font", "platform")
@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_print_what_it_says(name: str) -> None:
    printed = ""
    for block in blocks_of(FOLDER / f"{name}.md"):
        if block.saved_as:
            Path(block.saved_as).write_text(block.code, "utf-8")
        elif block.language == "bash":
            printed = "".join(run(block))
            check_prints(block.code, printed)
        elif block.language == "text":
            check_prints("\n".join(f"# prints: {line}" for line in block.code.splitlines()), printed)


@pytest.mark.usefixtures("platform")
def test_the_commands_of_continuous_integration(folder: Path) -> None:
    flows = folder / "flows"
    flows.mkdir()
    flows.joinpath("greeter.json").write_text(GREETER, "utf-8")
    first = next(block for block in blocks_of(FOLDER / "check-workflows-in-ci.md") if block.language == "bash")
    assert len(list(run(first))) == 4


def command_lines() -> list[str]:
    """Return the lines of the guides' shell blocks that begin with `fibonacci`, without what follows the command."""
    shell = [block for page in sorted(FOLDER.glob("*.md")) for block in blocks_of(page) if block.language in SHELL]
    lines = [line for block in shell for line in block.code.splitlines() if line.startswith("fibonacci ")]
    return sorted({re.split(r" [|>#] | &&", line)[0].strip() for line in lines})


def test_the_commands_of_the_guides_have_these_arguments(folder: Path) -> None:
    folder.joinpath("greeter.yaml").write_text(GREETER, "utf-8")  # the parser reads files of definitions, and a key
    folder.joinpath("emulator.key").write_text("key")
    folder.joinpath("emulator.key").chmod(0o600)
    lines = command_lines()
    assert len(lines) > 40
    for line in lines:
        try:
            words = shlex.split(line.partition(" -- ")[0])[1:]
            command_parser(words).parse_args(words)
        except SystemExit:
            pytest.fail(f"a guide has a command with other arguments: {line}")
