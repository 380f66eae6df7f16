"""Run the contract suite against every mutant of the emulator, and write down what it detects.

python -m tests.tools.mutants                              print the table
python -m tests.tools.mutants --write docs/reference/contract-suite.md      put it between the page's markers

It runs every check of an endpoint against each mutant of it, and exits with 1 when a mutant survives without a reason
in `derive.SURVIVORS`, when one with a reason does not, or when a check catches no mutant.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from fibonacci.testing.contract.checks import ALL
from tests.tools.mutants.derive import IDLE, SURVIVORS, mutants
from tests.tools.mutants.run import disagreements
from tests.tools.mutants.table import table
from tests.tools.page_sections import PageSection

SECTION = PageSection("mutants")


def main() -> int:
    """Run everything; print or write the table.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table between the markers of this page")
    options = parser.parse_args()
    caught: Counter[str] = Counter()
    survivors: list[str] = []
    for mutant in mutants():
        names = [result.check.name for result in disagreements(mutant)]
        caught.update(names)
        survivors += [] if names else [str(mutant)]
    idle = [check.name for check in ALL if check.name not in caught]
    text = table(mutants(), {name: SURVIVORS.get(name, "?") for name in survivors})
    if options.write is None:
        print(text, end="")
    else:
        SECTION.write(options.write, text)
    problems = [f"not caught: {name}" for name in survivors if name not in SURVIVORS]
    problems += [f"caught, and listed as not caught: {name}" for name in SURVIVORS if name not in survivors]
    problems += [f"catches no mutant: {name}" for name in idle if name not in IDLE]
    print(*problems, sep="\n", end="\n" if problems else "")
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main())
