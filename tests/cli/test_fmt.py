"""`fibonacci fmt`: definitions in their normal form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.definitions import FORMATTED, GREETER, UNFORMATTED, write
from tests.cli.invocation import invoke

pytestmark = pytest.mark.usefixtures("folder")


def test_files_are_formatted_in_place_and_the_changed_ones_named() -> None:
    write("a.yaml", UNFORMATTED)
    write("b.yaml", GREETER)
    assert invoke("fmt", "a.yaml", "b.yaml") == (0, "a.yaml\n", "1 of 2 files changed\n")
    assert (Path("a.yaml").read_text("utf-8"), Path("b.yaml").read_text("utf-8")) == (FORMATTED, GREETER)
    assert invoke("fmt", ".") == (0, "", "0 of 2 files changed\n")


def test_check_writes_nothing() -> None:
    path = write("a.yaml", UNFORMATTED)
    assert invoke("fmt", "--check", "a.yaml") == (1, "a.yaml\n", "1 of 1 file would change\n")
    assert path.read_text("utf-8") == UNFORMATTED
    write("a.yaml", FORMATTED)
    assert invoke("fmt", "--check", "a.yaml", "--quiet") == (0, "", "")


def test_diff_prints_what_would_change() -> None:
    path = write("a.yaml", UNFORMATTED)
    run = invoke("fmt", "--diff", "a.yaml")
    assert (run.code, path.read_text("utf-8")) == (1, UNFORMATTED)
    assert run.out.splitlines()[:2] == ["--- a.yaml", "+++ a.yaml (formatted)"]
    assert "+  instruction: Hello" in run.out.splitlines()
    assert invoke("fmt", "--diff", "a.yaml", "--json").data == [{"file": "a.yaml", "diff": run.out.rstrip("\n")}]


def test_stdin_goes_to_stdout() -> None:
    assert invoke("fmt", "-", stdin=UNFORMATTED) == (0, FORMATTED, "")
    assert invoke("fmt", "-", "--check", stdin=FORMATTED).code == 0
    assert invoke("fmt", "-", "a.yaml", stdin="").code == 64


def test_a_fault_in_one_file_leaves_all_as_they_are() -> None:
    path = write("a.yaml", UNFORMATTED)
    write("b.yaml", "nodes: [\n")
    write("c.yaml", "a: 1\na: 2\n")
    run = invoke("fmt", ".")
    assert (run.code, run.out, path.read_text("utf-8")) == (64, "", UNFORMATTED)
    first, *_, second, line, caret, last = run.err.splitlines()
    assert first.startswith("b.yaml:2:1: error: not a YAML document")
    assert second == "c.yaml:2:1: error: 'a' is already a key of this object, on line 1 [duplicate_key]"
    assert (line, caret) == ("    2 | a: 2", "      | ^")
    assert last == "fibonacci: 2 problems in definitions"
