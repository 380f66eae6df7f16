"""Change the package in small ways, one at a time, and count how many of the changes the tests notice.

python -m tests.tools.mutation                           100 mutants, chosen by seed 1
python -m tests.tools.mutation --seed 2 --size 400       another sample
python -m tests.tools.mutation --only fibonacci/_batch/rows.py

It prints the survivors, and exits with 1 when fewer than 92 % are caught: of some, no test can tell the difference.

Cosmic Ray's own runner has one test command for all files. This one runs the folders of tests that belong to the
mutated file, in a copy of the checkout.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.tools.mutation.mutants import ROOT, SourceMutant, sample
from tests.tools.quick import chosen_for
from tests.tools.releases.project import copy_files

REQUIRED: Final = 0.92
MODULES: Final = (
    *("fibonacci/definitions/checks/*.py", "fibonacci/_batch/*.py", "fibonacci/_async/batch/*.py"),
    *("fibonacci/_async/wait.py", "fibonacci/emulator/policy/*.py", "fibonacci/deployment/*.py"),
    *(f"fibonacci/_core/{name}.py" for name in ("retry", "window", "shared_limits", "messages", "response")),
    "fibonacci/_core/json_bodies.py",
)
"""Where a fault is hardest to see."""

# A mutant may loop for ever, and catch what a signal raises in it: the thread of pytest-timeout ends its process.
_TIMEOUT: Final = ("--timeout=60", "--timeout-method=thread", "--max-worker-restart=0")
PYTEST: Final = ("-m", "pytest", "-x", "-q", "-n", "auto", "-p", "no:cacheprovider", *_TIMEOUT)


def is_caught(folder: Path, path: str) -> bool:
    """Return whether a test of a file fails in a copy of the checkout, but for the one that reads its text."""
    tests = [each for each in chosen_for(path) if each != "tests/test_layers.py"]
    # An installed package, or one that is linked to the checkout, comes later in the path, in subprocesses too.
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run([sys.executable, *PYTEST, *tests], cwd=folder, env=environment, capture_output=True)
    return run.returncode != 0


def survivors(mutants: list[SourceMutant]) -> list[SourceMutant]:
    """Return the mutants that no test notices.

    Raises:
        SystemExit: If the tests of a file can't judge its mutants, as they fail without one.
    """
    found: list[SourceMutant] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        copy_files(folder)
        for path in {str(chosen_for(mutant.path)): mutant.path for mutant in mutants}.values():
            if is_caught(folder, path):
                raise SystemExit(f"the tests of {path} fail without a change")
        for done, mutant in enumerate(mutants, 1):
            (folder / mutant.path).write_text(mutant.source, "utf-8")
            if not is_caught(folder, mutant.path):
                found.append(mutant)
            (folder / mutant.path).write_text((ROOT / mutant.path).read_text("utf-8"), "utf-8")
            print(f"\r{done} of {len(mutants)}, {len(found)} not caught", end="", file=sys.stderr, flush=True)
    return found


def main() -> int:
    """Run the mutants.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mutation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: %(default)s)")
    parser.add_argument("--size", type=int, default=100, help="how many mutants (default: %(default)s)")
    parser.add_argument("--only", action="append", metavar="FILE", help="take the mutants of this file")
    options = parser.parse_args()
    paths = options.only or sorted({str(file.relative_to(ROOT)) for pattern in MODULES for file in ROOT.glob(pattern)})
    mutants = sample(paths, options.seed, options.size)
    found = survivors(mutants)
    print(*found, f"{1 - len(found) / len(mutants):.1%} of {len(mutants)} are caught", sep="\n")
    return int(len(found) > (1 - REQUIRED) * len(mutants))


if __name__ == "__main__":
    raise SystemExit(main())
