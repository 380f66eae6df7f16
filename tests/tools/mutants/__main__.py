"""Run the contract suite against every mutant of the emulator.

python -m tests.tools.mutants

It runs every check of an endpoint against each mutant of it, and exits with 1 when a mutant survives without a reason
in `derive.SURVIVORS`, when one with a reason does not, or when a check catches no mutant.
"""

from __future__ import annotations

from collections import Counter

from fibonacci.testing.contract.checks import ALL
from tests.tools.mutants.derive import IDLE, SURVIVORS, mutants
from tests.tools.mutants.run import disagreements


def main() -> int:
    """Run everything, print what is not as expected, and return the exit code."""
    caught: Counter[str] = Counter()
    survivors: list[str] = []
    for mutant in mutants():
        names = [result.check.name for result in disagreements(mutant)]
        caught.update(names)
        survivors += [] if names else [str(mutant)]
    idle = [check.name for check in ALL if check.name not in caught]
    problems = [f"not caught: {name}" for name in survivors if name not in SURVIVORS]
    problems += [f"caught, and listed as not caught: {name}" for name in SURVIVORS if name not in survivors]
    problems += [f"catches no mutant: {name}" for name in idle if name not in IDLE]
    print(*problems, sep="\n", end="\n" if problems else "")
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main())
