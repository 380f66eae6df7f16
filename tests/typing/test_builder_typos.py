"""Type checkers find nothing in a workflow as code, and each typo in the line that has it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.kit.programs import skip_or_fail

PROGRAM = Path(__file__).with_name("triage_program.py").read_text("utf-8")
ROOT = Path(__file__).parents[2]

TYPOS = {
    "a misspelt field": ("given.mail}", "given.mial}"),
    "a wrong type": ("timeout=10", 'timeout="10"'),
    "an unknown keyword": ("retry_delay=1.0", "retry_dealy=1.0"),
    "a misspelt operator": ('"equals"', '"equal"'),
    "a text in place of a node": ('flow.critic("judge", draft', 'flow.critic("judge", "draft"'),
    "an id in place of a node": ("then=[page]", 'then=["page"]'),
    "a part in place of a node": ("after=[classify]", 'after=[classify["x"]]'),
    "a count that is no number": ("retries=3", 'retries="3"'),
}
Checker = Callable[[list[Path]], dict[str, int]]


def mypy(files: list[Path]) -> dict[str, int]:
    """Return the line of the first error that mypy finds in its strict mode, by the name of the file."""
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", *map(str, files)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
    )
    assert run.stderr == ""
    return first_lines(re.findall(r"^(.+?):(\d+): error", run.stdout, re.MULTILINE))


def pyright(files: list[Path]) -> dict[str, int]:
    """Return the line of the first error that pyright finds in its strict mode, by the name of the file."""
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", *map(str, files)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
    )
    found = json.loads(run.stdout)["generalDiagnostics"]
    return first_lines((each["file"], each["range"]["start"]["line"] + 1) for each in found)


def first_lines(errors: Iterable[tuple[str, int | str]]) -> dict[str, int]:
    """Return the first line by file: a call with a mistake has no type, which later lines are at fault for too."""
    return {Path(name).name: int(line) for name, line in sorted(errors, key=lambda each: int(each[1]), reverse=True)}


@pytest.mark.slow  # the checkers are not among what README's command installs
@pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])
def test_each_typo_and_nothing_else_is_found(checker: Checker, tmp_path: Path) -> None:
    if find_spec(checker.__name__) is None:
        skip_or_fail(checker.__name__, "pip install '.[lint]'")
    text = f"# pyright: strict\n{PROGRAM}"
    files = [tmp_path / "right.py"]
    files[0].write_text(text, "utf-8")
    expected: dict[str, int] = {}
    for number, (right, wrong) in enumerate(TYPOS.values()):
        before, found, after = text.partition(right)
        assert found, right
        files.append(tmp_path / f"typo_{number}.py")
        files[-1].write_text(before + wrong + after, "utf-8")
        expected[files[-1].name] = before.count("\n") + 1
    assert checker(files) == expected
