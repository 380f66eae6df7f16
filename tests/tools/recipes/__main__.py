"""Follow the recipes of CONTRIBUTING, each on a copy of the tree, and check the copies as `.ci/run quick` does.

python -m tests.tools.recipes [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.tools.recipes import RECIPES, RecipePatch, follow, run


def main() -> int:
    """Follow the recipes that the command line names, and return the exit code: 1 if a check of any fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.recipes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(RECIPES)}")
    failed: list[str] = []
    for name in parser.parse_args().names or RECIPES:
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "copy"
            follow(name, copy)
            checked = run(copy, "-m", "tests.tools.quick", *RecipePatch(name).files)
        print(f"=== {RECIPES[name].section}\n{checked.stdout}", flush=True)
        failed += [name] if checked.returncode else []
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
