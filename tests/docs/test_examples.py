"""Every file of examples/ runs on its own, with warnings as errors, and prints what its comments state."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.docs.markdown import ROOT
from tests.docs.running import check_prints, run_python

EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_example(example: Path, tmp_path: Path) -> None:
    with Emulator() as emulator:
        output = run_python("-W", "error", str(example), emulator=emulator, folder=tmp_path)
    check_prints(example.read_text("utf-8"), output)


def test_quickstart_needs_no_key(tmp_path: Path) -> None:
    assert run_python(str(ROOT / "examples" / "quickstart.py"), emulator=None, folder=tmp_path)
