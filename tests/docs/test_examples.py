"""Every file of examples/ runs on its own, with warnings as errors, and prints what its comments state."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.docs.markdown import ROOT
from tests.docs.running import check_prints, run_python, run_tests, setting
from tests.kit.assertions import check_rows

FOLDER = ROOT / "examples"
# A process has one Django project.
DJANGO = "django_service.py"
# Examples of engines, which `test_engines.py` runs with their workers.
ENGINES = ("celery_chunks.py", "dask_chunks.py")
SLOW = (*ENGINES, "testing_with_pytest/test_digest.py")


def run(example: Path) -> None:
    """Run an example in this process, or its tests."""
    if example.name.startswith("test_"):
        run_tests(example)
    else:
        with setting() as alone:
            alone.run_file(example)


def test_every_example_does_what_its_comments_state() -> None:
    apart = {FOLDER / name for name in (*ENGINES, DJANGO)}
    check_rows(((path.name, path) for path in sorted(FOLDER.rglob("*.py")) if path not in apart), run)


@pytest.mark.parametrize("name", [DJANGO, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_an_example_as_a_program(name: str, tmp_path: Path) -> None:
    with Emulator() as emulator:
        output = run_python("-W", "error", str(FOLDER / name), emulator=emulator, folder=tmp_path)
    check_prints((FOLDER / name).read_text("utf-8"), output)


def test_quickstart_needs_no_key(tmp_path: Path) -> None:
    assert run_python(str(FOLDER / "quickstart.py"), emulator=None, folder=tmp_path)
