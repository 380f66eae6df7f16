"""Change the package in small ways, one at a time, and count how many of the changes the tests notice.

python -m tests.tools.mutation                           100 mutants, chosen by seed 1
python -m tests.tools.mutation --seed 2 --size 400       another sample
python -m tests.tools.mutation --session FILE            keep the results in FILE; what was caught there isn't run again
python -m tests.tools.mutation --only fibonacci/_batch/rows.py

It exits with 1 when fewer than 92 % are caught, and says which survivors aren't in `survivors.toml`, where each has the
reason why no test can tell it from the original.

Cosmic Ray's own runner has one test command for all files. This one runs the folders of tests that belong to the
mutated file, in a process that has imported pytest and the libraries beforehand.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Final, TypeVar, cast

from tests.tools.mutation.mutants import ROOT, SourceMutant, sample
from tests.tools.quick import chosen_for
from tests.tools.releases.project import copy_files

SURVIVORS: Final = Path(__file__).with_name("survivors.toml")
REQUIRED: Final = 0.92
T = TypeVar("T")
MODULES: Final = (
    *("fibonacci/definitions/checks/*.py", "fibonacci/_batch/*.py", "fibonacci/_async/batch/*.py"),
    *("fibonacci/_async/wait.py", "fibonacci/emulator/policy/*.py", "fibonacci/deployment/*.py"),
    *(f"fibonacci/_core/{name}.py" for name in ("retry", "window", "shared_limits", "messages", "response")),
    "fibonacci/_core/json_bodies.py",
)
"""Where a fault is hardest to see."""

# No other plugins: that of schemathesis alone takes 2 s to load.
PYTEST: Final = (
    *("-x", "-q", "-p", "no:cacheprovider", "-p", "xdist.plugin", "-p", "anyio.pytest_plugin"),
    *("-p", "pytest_timeout", "--timeout=20", "--timeout-method=thread"),
    *("-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0"),
)


def tests_of(path: str) -> list[str]:
    """Return the folders that `.ci/run quick` tests a file with; other tests read the text that is changed."""
    return [tests for tests in chosen_for(path) if not tests.endswith(".py")]


class Copy:
    """A copy of the tree, in which the tests of one mutant run at a time.

    Args:
        folder: Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        copy_files(folder)
        self._folder = folder
        # An installed package, or one that is linked to the checkout, comes later in the path, in subprocesses too.
        environment = os.environ | {"PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        shown = [sys.executable, "-c", "import fibonacci; print(fibonacci.__file__)"]
        imported = subprocess.run(shown, cwd="/", env=environment, check=True, capture_output=True, text=True).stdout
        if not Path(imported).is_relative_to(folder):
            raise SystemExit(f"tests that start processes would test {imported.strip()}, which no mutant changes")
        command, pipe = [sys.executable, "-m", "tests.tools.mutation.runner"], subprocess.PIPE
        self._runner = subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True)
        self._changes = 0

    def failure(self, mutant: SourceMutant) -> str | None:
        """Return what notices a mutant; None if nothing does."""
        file = self._folder / mutant.path
        file.write_text(mutant.source, "utf-8")
        self._changes += 1  # a time that the file never had, or Python might take it for what it compiled before
        os.utime(file, (self._changes, self._changes))
        try:
            return self.run(mutant.path)
        finally:
            shutil.copy2(ROOT / mutant.path, file)

    def run(self, path: str) -> str | None:
        """Return what fails in the tests of a file."""
        assert self._runner.stdin is not None
        assert self._runner.stdout is not None
        print(json.dumps([*PYTEST, *tests_of(path)]), file=self._runner.stdin, flush=True)
        return cast("str | None", json.loads(self._runner.stdout.readline()))

    def error(self, path: str) -> str | None:
        """Return why the tests of a file can't judge its mutants: they fail without one, or never import the file."""
        if (failure := self.run(path)) is not None:
            return f"without a change: {failure}"
        broken = SourceMutant(path, 1, "", "raise AssertionError('the canary')", "", "")
        return None if self.failure(broken) else f"{path}: its tests do not notice that it can't be imported"

    def close(self) -> None:
        """End its process."""
        self._runner.communicate()


class Results:
    """What became of the mutants, kept in a file.

    Args:
        file: The file, which may exist already; None keeps nothing.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        lines = file.read_text("utf-8").splitlines() if file and file.exists() else ()
        self.failures: dict[str, str | None] = {}
        for line in lines:
            self.failures |= json.loads(line)

    def add(self, mutant: SourceMutant, failure: str | None) -> None:
        """Keep what noticed a mutant; None if nothing did."""
        self.failures[str(mutant)] = failure
        if self._file:
            with self._file.open("a", encoding="utf-8") as file:
                print(json.dumps({str(mutant): failure}), file=file)


def judge(mutants: Collection[SourceMutant], session: Results, jobs: int) -> None:
    """Run the tests of the mutants, several at a time.

    Raises:
        SystemExit: If the tests of a file can't judge its mutants.
    """
    idle: SimpleQueue[Copy] = SimpleQueue()

    def with_copy(task: Callable[[Copy], T]) -> T:
        copy = idle.get()
        try:
            return task(copy)
        finally:
            idle.put(copy)

    def check(path: str) -> str | None:
        return with_copy(lambda copy: copy.error(path))

    def run(mutant: SourceMutant) -> None:
        session.add(mutant, with_copy(lambda copy: copy.failure(mutant)))

    with TemporaryDirectory() as folder, ExitStack() as copies, ThreadPoolExecutor(jobs) as pool:
        for number in range(jobs):
            idle.put(copies.enter_context(closing(Copy(Path(folder, str(number))))))
        files = {str(tests_of(mutant.path)): mutant.path for mutant in mutants}.values()
        if errors := list(filter(None, pool.map(check, files))):
            raise SystemExit("\n".join(errors))
        for done, _ in enumerate(pool.map(run, mutants), 1):
            print(f"\r{done} of {len(mutants)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)


def report(mutants: Collection[SourceMutant], session: Results) -> float:
    """Print how many mutants of each folder were caught, and which were not.

    Returns:
        The share that was caught.
    """
    rows = tomllib.loads(SURVIVORS.read_text("utf-8")).get("survivor", [])
    reasons = {(row["file"], row["place"], row["before"], row["after"]): row["reason"] for row in rows}
    survivors = [mutant for mutant in mutants if session.failures[str(mutant)] is None]
    of_part, survived = (Counter(str(Path(mutant.path).parent) for mutant in group) for group in (mutants, survivors))
    for mutant in survivors:
        print(mutant, f"  = {reasons[mutant.key]}" if mutant.key in reasons else "  ? new", sep="\n")
    for mutant in mutants:
        if mutant.key in reasons and mutant not in survivors:
            print(mutant, "  ! caught, and listed as a survivor", sep="\n")
    for part, count in sorted(of_part.items()):
        print(f"{count - survived[part]:5} of {count:3}  {part}")
    caught = len(mutants) - len(survivors)
    new = sum(mutant.key not in reasons for mutant in survivors)
    print(f"{caught:5} of {len(mutants):3}  in sum, {caught / len(mutants):.1%}; {new} of the survivors have no reason")
    return caught / len(mutants)


def main() -> int:
    """Run the mutants.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mutation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: %(default)s)")
    parser.add_argument("--size", type=int, default=100, help="how many mutants (default: %(default)s)")
    parser.add_argument("--only", action="append", metavar="FILE", help="take the mutants of this file")
    parser.add_argument("--session", type=Path, metavar="FILE", help="where the results are kept")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time (default: %(default)s)"
    )
    parser.add_argument("--list", action="store_true", help="print the mutants, and run nothing")
    options = parser.parse_args()
    paths = options.only or sorted({str(file.relative_to(ROOT)) for pattern in MODULES for file in ROOT.glob(pattern)})
    mutants = sample(paths, options.seed, options.size)
    if options.list:
        print(*mutants, sep="\n")
        return 0
    session = Results(options.session)
    judge([mutant for mutant in mutants if session.failures.get(str(mutant)) is None], session, options.jobs)
    return int(report(mutants, session) < REQUIRED)


if __name__ == "__main__":
    raise SystemExit(main())
