"""Every file of examples/ runs on its own, with warnings as errors, and prints what its comments state."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.docs.markdown import ROOT
from tests.docs.running import check_prints, run_python

# Examples of engines, which `test_engines.py` runs with their workers.
_SLOW = ("celery_chunks.py", "dask_chunks.py")
EXAMPLES = [
    pytest.param(path, id=str(path.relative_to(ROOT)), marks=[pytest.mark.slow] if path.name in _SLOW else [])
    for path in sorted((ROOT / "examples").rglob("*.py"))
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example: Path, tmp_path: Path) -> None:
    with Emulator() as emulator:
        output = run_python("-W", "error", str(example), emulator=emulator, folder=tmp_path)
    check_prints(example.read_text("utf-8"), output)


def test_quickstart_needs_no_key(tmp_path: Path) -> None:
    assert run_python(str(ROOT / "examples" / "quickstart.py"), emulator=None, folder=tmp_path)
