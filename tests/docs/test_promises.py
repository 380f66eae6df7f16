"""Each promise for many rows has a command that exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.kit.assertions import each_row

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/contributing/many-rows-measured.md").read_text("utf-8").partition("## Measured")[0]
COMMANDS = sorted(set(re.findall(r"(?m)^\| .+ \| `python -m (.+)` \|$", TEXT)))


def test_each_line_of_the_tables_has_a_command() -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| Promise")]
    assert [line for line in lines if not re.search(r" \| `python -m [^`]+` \|$", line)] == []
    assert len(lines) >= 20


@each_row("command", COMMANDS)
def test_the_command_of_a_promise_exists(command: str) -> None:
    module, *arguments = shlex.split(command)
    if module == "pytest":
        paths = [each for each in arguments if each.startswith("tests/")]
        assert paths
        assert [path for path in paths if not (ROOT / path).is_file()] == []
        return
    place = ROOT / module.replace(".", "/")
    text = next(filter(Path.is_file, (place / "__main__.py", place.with_suffix(".py")))).read_text("utf-8")
    for argument in arguments:
        if not argument.isdigit():
            assert f'"{argument}"' in text or f"def {argument}(" in text, f"{module} has no {argument}"
