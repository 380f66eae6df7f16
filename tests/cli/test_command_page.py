"""The shell blocks of docs/command-line.md run, in order, against an emulator."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import environment
from tests.docs.markdown import ROOT, SHELL, Block, blocks
from tests.docs.running import check_prints

PAGE = ROOT / "docs" / "command-line.md"
SECTIONS = ("Calls", "Output and exit codes")


def blocks_of_section(title: str) -> list[Block]:
    """Return the blocks below a heading of the page."""
    text = PAGE.read_text("utf-8")
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return list(blocks(found[1], PAGE))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("title", SECTIONS)
def test_the_blocks_of_a_section(emulator: Emulator, tmp_path: Path, title: str) -> None:
    found = blocks_of_section(title)
    for block in found:
        if block.saved_as:
            (tmp_path / block.saved_as).write_text(block.code, "utf-8")
    script = "\n".join(block.code for block in found if block.language in SHELL)
    command = f'fibonacci() {{ "{sys.executable}" -W error -m fibonacci.cli "$@"; }}\n'
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command + script],
        capture_output=True,
        cwd=tmp_path,
        env={**environment(emulator, tmp_path), "PYTHONPATH": str(ROOT)},
        text=True,
        timeout=90,
    )
    assert run.returncode == 0, run.stderr
    assert "Error" not in run.stderr
    check_prints(script, run.stdout)
