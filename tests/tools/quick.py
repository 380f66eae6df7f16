"""Check what has changed, in a minute or two: `.ci/run quick [PATH ...]`.

python -m tests.tools.quick [PATH ...]     check these files, else what differs from the last commit, else from main
python -m tests.tools.quick --tests PATH   print the tests that belong to them

`fibonacci/x/` is tested by `tests/x/`, and `tests/x/` by itself. A test runs alone, and of a page its own examples.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tests.kit.slow import is_all_slow
from tests.tools.markdown import ROOT

DERIVED: Final = ("tests.tools.mirror", "tests.tools.stubs", "tests.tools.calls", "tests.tools.reference")
PAGES: Final = "tests/docs/test_pages.py"

ELSEWHERE: Final = {
    "fibonacci/_async/batch": ("tests/batch",),
    "fibonacci/_async/transports": ("tests/transports", "tests/faults/test_connecting.py", "tests/faults/test_once.py"),
    "fibonacci/_async/wait.py": ("tests/client", "tests/faults/test_waiting.py"),
    "fibonacci/_async": ("tests/client", "tests/endpoints"),
    "fibonacci/integrations": ("tests/observability",),
    "fibonacci": ("tests/client",),
    "docs": ("tests/docs/test_options.py",),
    "examples": ("tests/docs/test_examples.py", "tests/docs/test_notebooks.py"),
    "tests/kit": ("tests/client",),
    "tests/tools/releases": ("tests/tools/releases",),
    "tests": (),
    "": ("tests/docs/test_readme.py", "tests/tools/releases"),
}
"""The tests of what has no folder of its name in `tests/`, by the longest path that it begins with."""

_NO_TESTS: Final = 5
"""The exit code of pytest when there are none."""


def chosen_for(path: str) -> list[str]:
    """Return the tests that belong to a file."""
    path = path.replace("fibonacci/_sync/", "fibonacci/_async/")  # it is derived
    if re.fullmatch(r"tests/(.*/)?test_\w+\.py", path):
        return [path] if (ROOT / path).exists() else []
    wing = path.split("/")[1].lstrip("_") if path.startswith(("fibonacci/", "tests/")) and path.count("/") > 1 else ""
    if wing not in ("", "kit", "tools", "integrations") and (ROOT / "tests" / wing).is_dir():
        found: tuple[str, ...] = (f"tests/{wing}",)
    else:
        found = ELSEWHERE[max((name for name in ELSEWHERE if f"{path}/".startswith(f"{name}/") or not name), key=len)]
    return [*found, *(["tests/test_layers.py"] if path.startswith("fibonacci/") else [])]


def selection(paths: Iterable[str]) -> list[str]:
    """Return the tests that belong to files, each once, in order.

    A folder that pytest comes back to has lost the fixtures of its conftest.
    """
    return sorted({test for path in paths for test in chosen_for(path)})


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
    pytest = [*python, "pytest", "-q", "-n", "2"]
    tests = selection(paths)
    slow = [test for test in tests if test.endswith(".py") and is_all_slow(ROOT / test)]
    if others := [test for test in tests if test not in slow]:
        yield "tests", [*pytest, *others]
    if slow:
        yield "slow tests", [*pytest, "-m", "slow", *slow]
    if pages := [path for path in paths if path.endswith(".md")]:
        yield "examples of pages", [*pytest, "-n", "0", PAGES, "-k", " or ".join(pages)]


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
        print(*selection(paths), sep="\n")
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
