"""Every file of examples/ runs on its own, with warnings as errors, and prints what its comments state."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path
from runpy import run_path

import pytest

from fibonacci.emulator import Emulator
from tests.docs.running import NEEDS_MORE, check_prints, run_python, run_tests, setting
from tests.kit.assertions import check_rows
from tests.tools.markdown import ROOT

FOLDER = ROOT / "examples"
EXAMPLES = sorted(FOLDER.rglob("*.py"))
# A process has one Django project, and `test_engines.py` runs the other on a cluster.
ONLY_AS_PROGRAMS = ("dask_chunks.py", "django_service.py")


def run(example: Path) -> None:
    """Run an example in this process, or its tests."""
    if example.name.startswith("test_"):
        run_tests(example)
    else:
        with setting() as alone:
            alone.run_file(example)


def needs_more(example: Path) -> bool:
    return NEEDS_MORE.search(example.read_text("utf-8")) is not None


def check_examples(examples: list[Path]) -> None:
    check_rows(((path.name, path) for path in examples if path.name not in ONLY_AS_PROGRAMS), run)


def test_every_example_does_what_its_comments_state() -> None:
    check_examples([path for path in EXAMPLES if not needs_more(path)])


@pytest.mark.slow
def test_every_example_that_needs_more_does_so_too() -> None:
    check_examples([path for path in EXAMPLES if needs_more(path)])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "django_service.py",
        pytest.param("dask_chunks.py", marks=pytest.mark.nightly),  # short: test_engines.py
        pytest.param("testing_with_pytest/test_digest.py", marks=pytest.mark.nightly),  # short: the first of this file
    ],
)
def test_an_example_as_a_program(name: str, tmp_path: Path) -> None:
    with Emulator() as emulator:
        output = run_python("-W", "error", str(FOLDER / name), emulator=emulator, folder=tmp_path)
    check_prints((FOLDER / name).read_text("utf-8"), output)


def test_quickstart_needs_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chdir(tmp_path):
        run_path(str(FOLDER / "quickstart.py"), run_name="__main__")
    printed = capsys.readouterr()
    assert "an emulator on this machine" in printed.out
    assert "Ada" in printed.out
    assert printed.err == ""
