"""The runner itself: what it finds, what it runs, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.docs.running import Setting, check_prints, run_python, setting
from tests.tools.markdown import Block

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_prints_are_compared_in_order() -> None:
    code = "print(a)  # prints: id-...\nprint(b)  # prints: 2 * 3\n"
    check_prints(code, "other\nid-5\nother\n2 * 3\n")
    for output in ("id-5\n", "2 * 3\nid-5\n", "id-5\n2 ** 3\n"):
        with pytest.raises(AssertionError, match="not printed"):
            check_prints(code, output)


@pytest.fixture
def made() -> Iterator[Setting]:
    with setting() as made:
        yield made


def python(code: str, line: int = 1) -> Block:
    return Block(Path("page.md"), line, "python", dedent(code))


def test_a_block_that_holds_tests_is_run_by_pytest(made: Setting) -> None:
    made.run(python("# conftest.py\nimport pytest\n\n@pytest.fixture\ndef one(): return 1\n"))
    with pytest.raises(AssertionError, match="1 failed"):
        made.run(python("def test_one(one):\n    assert one == 2\n"))


def test_a_process_must_print_nothing_to_stderr(tmp_path: Path) -> None:
    assert run_python("-c", "import os; print(os.getcwd())", emulator=None, folder=tmp_path) == f"{tmp_path}\n"
    for code in ("import warnings; warnings.warn('old')", "raise SystemExit(3)"):
        with pytest.raises(AssertionError):
            run_python("-c", code, emulator=None, folder=tmp_path)
