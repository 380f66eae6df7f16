"""Check what has changed, in a minute: `.ci/run quick [PATH ...]`.

python -m tests.tools.quick [PATH ...]     check these files, else what differs from the last commit, else from main
python -m tests.tools.quick --tests PATH   print the tests that belong to them

The table in quick.md says which tests belong to a file: those of the row with the longest part of its
path, and those of other tests whose names have the path of the file, that of a page. A test runs itself.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from tests.kit.slow import is_all_slow
from tests.tools.markdown import ROOT

TABLE: Final = ROOT / "tests" / "tools" / "quick.md"
DERIVED: Final = ("tests.tools.mirror", "tests.tools.stubs", "tests.tools.calls", "tests.tools.reference")

_NO_TESTS: Final = 5
"""The exit code of pytest when there are none."""


class ChangeRow(NamedTuple):
    """A row of the table."""

    paths: list[str]
    """The folders and files that it is about, from the root."""

    tests: list[str]
    """The tests that run."""

    named: list[str]
    """Tests of which those run that have the path of a changed file in their name."""


class Selection(NamedTuple):
    """The tests that belong to files."""

    tests: list[str]
    named: dict[str, list[str]]
    """The files by whose names tests are chosen, by the tests."""


@cache
def rows() -> list[ChangeRow]:
    """Return the rows of the table."""
    lines = TABLE.read_text("utf-8").partition("| I changed |")[2].partition("\n\n")[0].splitlines()[2:]
    return [ChangeRow(*(re.findall("`([^`]+)`", cell) for cell in line.split("|")[2:5])) for line in lines]


def row_of(path: str) -> ChangeRow | None:
    """Return the row with the longest path that a file is in, or is, which replaces `{folder}`; None without one."""
    path = path.replace("fibonacci/_sync/", "fibonacci/_async/")  # it is derived
    found = [(name, row) for row in rows() for name in row.paths if f"{path}/".startswith(f"{name}/")]
    if not found:
        return None
    name, row = max(found, key=lambda each: len(each[0]))
    return row._replace(tests=[test.replace("{folder}", name) for test in row.tests])


def selection(paths: Iterable[str]) -> Selection:
    """Return the tests that belong to files.

    Raises:
        LookupError: If no row has a file.
    """
    tests: dict[str, None] = {}
    named: dict[str, list[str]] = {}
    for path in paths:
        if re.fullmatch(r"tests/(.*/)?test_\w+\.py", path):
            tests |= {path: None} if (ROOT / path).exists() else {}
            continue
        row = row_of(path)
        if row is None:
            raise LookupError(f"{path} is in no row of the table of {TABLE.relative_to(ROOT)}")
        tests |= dict.fromkeys(row.tests)
        for each in row.named:
            named.setdefault(each, []).append(path)
    return Selection([*tests], named)


def changed() -> list[str]:
    """Return the files that differ from the last commit; when none does, from the point where main was left."""
    untracked = _git("ls-files", "--others", "--exclude-standard")
    found = _git("diff", "--name-only", "HEAD") + untracked
    return found or _git("diff", "--name-only", _git("merge-base", "HEAD", "origin/main")[0])


def checks(paths: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands, each with what it is; the quickest first."""
    python = [sys.executable, "-m"]
    yield "ruff check", [*python, "ruff", "check"]
    yield "ruff format", [*python, "ruff", "format", "--check"]
    for module in DERIVED:
        yield module, [*python, module, "--check"]
    yield "mypy", [*python, "mypy"]
    chosen = selection(paths)
    pytest = [*python, "pytest", "-q", "-n", "2"]
    tests = sorted(chosen.tests)  # a folder that pytest comes back to has lost the fixtures of its conftest
    slow = [test for test in tests if test.endswith(".py") and is_all_slow(ROOT / test)]
    if others := [test for test in tests if test not in slow]:
        yield "tests", [*pytest, *others]
    if slow:
        yield "slow tests", [*pytest, "-m", "slow", *slow]
    for test, files in chosen.named.items():
        mark = ["-m", "slow"] if is_all_slow(ROOT / test) else []
        yield f"{test} of what has changed", [*pytest, "-n", "0", *mark, test, "-k", " or ".join(files)]


def _git(*arguments: str) -> list[str]:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()


def main() -> int:
    """Run the checks, and return the exit code: 1 if any fails."""
    parser = argparse.ArgumentParser(prog=".ci/run quick", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tests", action="store_true", help="print the tests that belong to the files")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="default: what has changed")
    options = parser.parse_args()
    paths: list[str] = options.paths or changed()
    if options.tests:
        print(*selection(paths).tests, *selection(paths).named, sep="\n")
        return 0
    print(f"{len(paths)} files:", *paths)
    failed: list[str] = []
    for name, command in checks(paths):
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        is_bad = done.returncode not in (0, _NO_TESTS if "-k" in command else 0)
        if is_bad:
            failed.append(name)
            print(done.stdout)
        print(f"{time.monotonic() - began:5.1f} s  {name}{': FAILED' if is_bad else ''}", flush=True)
    print(f"FAILED: {', '.join(failed)}" if failed else "This holds; the gate has the rest")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
