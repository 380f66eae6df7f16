"""`.ci/run quick`: every row of its table has tests that exist."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.tools import quick
from tests.tools.markdown import ROOT
from tests.tools.quick import row_of, rows, selection

FOLDERS = ("fibonacci", "docs", "examples", "tests", ".github", ".ci")
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
)


def test_every_row_is_of_files_that_exist_and_names_tests_that_exist() -> None:
    names = [name for row in rows() for name in row.paths]
    assert len(names) == len(set(names))
    assert [name for name in names if not (ROOT / name).exists()] == []
    tests = [test for path in FILES if (row := row_of(path)) for test in (*row.tests, *row.named)]
    assert [test for test in {*tests} if not (ROOT / test).exists()] == []
    assert [row.paths for row in rows() if not row.tests and not row.named] == []


@pytest.mark.parametrize(
    ("path", "tests"),
    [
        ("fibonacci/_display/frames.py", ["tests/display/test_frames.py", "tests/test_layers.py"]),
        ("fibonacci/_sync/run.py", selection(["fibonacci/_async/wait.py"]).tests),
        ("tests/net/no_proxy_cases.py", ["tests/net"]),
        ("tests/net/test_forks.py", ["tests/net/test_forks.py"]),
        ("tests/net/test_that_was_deleted.py", []),
    ],
)
def test_the_tests_of_a_file(path: str, tests: list[str]) -> None:
    assert selection([path]).tests == tests


def test_the_files_of_a_folder_stand_together() -> None:
    """A folder that pytest comes back to has lost the fixtures of its conftest."""
    commands = dict(quick.checks(["fibonacci/emulator/policy/admission.py", "tests/emulator/test_admission.py"]))
    files = [argument for argument in commands["tests"] if argument.startswith("tests/")]
    assert len(files) > 5
    assert files == sorted(files)


def test_files_of_slow_tests_alone_run_too() -> None:
    commands = dict(quick.checks(["fibonacci/_display/frames.py"]))
    assert commands["tests"][-1] == "tests/test_layers.py"
    assert commands["slow tests"][-3:] == ["-m", "slow", "tests/display/test_frames.py"]


def test_the_tests_that_have_a_file_in_their_name_are_chosen_by_it() -> None:
    pages = ["docs/how-to/cancel-runs.md", "docs/index.md"]
    chosen = selection(["README.md", *pages])
    assert "tests/docs/test_readme.py" in chosen.tests
    assert chosen.named == {
        "tests/docs/test_pages.py": ["README.md", *pages],
    }
    commands = dict(quick.checks(pages))
    assert "slow" not in commands["tests/docs/test_pages.py of what has changed"]


def test_a_file_without_a_row_is_refused() -> None:
    with pytest.raises(LookupError, match=r"^Makefile is in no row of the table of tests/tools/quick.md$"):
        selection(["Makefile"])


def test_a_check_that_fails_is_named_with_its_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bad = [sys.executable, "-c", "raise SystemExit('what is wrong')"]
    good = [sys.executable, "-c", "pass"]
    monkeypatch.setattr(sys, "argv", ["quick", "README.md"])
    commands = [("first", bad), ("second", good)]

    def commands_for(_: Sequence[str]) -> Sequence[tuple[str, list[str]]]:
        return commands

    monkeypatch.setattr(quick, "checks", commands_for)
    assert quick.main() == 1
    output = capsys.readouterr().out
    assert "what is wrong" in output
    assert output.endswith("FAILED: first\n")
    del commands[0]
    assert quick.main() == 0
