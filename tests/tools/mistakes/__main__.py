"""Change valid definitions in one place at a time, and count how many of the changes the checks report.

python -m tests.tools.mistakes                          900 changes, chosen by seed 1, and 500 valid definitions
python -m tests.tools.mistakes --seed 2 --size 2000     another sample
python -m tests.tools.mistakes --passing                name each change that passes

It exits with 1 when less than 95 % of the changes are reported, when one passes and `kinds.NOT_ALWAYS` doesn't say why,
or when something is reported of a valid definition.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from fibonacci.definitions import Problems, check_definition
from fibonacci.emulator import Emulator
from tests.tools.mistakes.kinds import NOT_ALWAYS, Mutation, mutations
from tests.tools.mistakes.valid import valid_definition

SIZE: Final = 900
VALID: Final = 500
REQUIRED: Final = 0.95

Check = Callable[[object], Problems]


def check_of(emulator: Emulator) -> Check:
    """Return the check of definitions, with the tools and the models of an emulator."""
    tools, models = list(emulator.client().tools.list()), list(emulator.models)
    return lambda definition: check_definition(definition, tools=tools, models=models)


def outcome(mutation: Mutation, check: Check) -> str:
    """Return `error` or `warning`, the most severe that is reported of a change; `passes` for nothing."""
    problems = check(mutation.definition)
    return "error" if problems.errors else "warning" if problems else "passes"


def outcomes(changed: Collection[Mutation], check: Check) -> dict[str, Counter[str]]:
    """Return the numbers of outcomes by kind of change."""
    found: dict[str, Counter[str]] = {}
    for mutation in changed:
        found.setdefault(mutation.kind, Counter())[outcome(mutation, check)] += 1
    return found


def share(found: dict[str, Counter[str]]) -> float:
    """Return the share of the changes that are reported."""
    total = sum(found.values(), Counter[str]())
    return 1 - total["passes"] / total.total()


def false_words(seeds: range, check: Check) -> dict[int, Problems]:
    """Return what is reported of valid definitions, by their seeds."""
    found = {seed: check(valid_definition(seed)) for seed in seeds}
    return {seed: problems for seed, problems in found.items() if problems}


def unexplained(found: dict[str, Counter[str]]) -> list[str]:
    """Return the kinds of which some pass for no reason that is known."""
    return [kind for kind, counts in found.items() if counts["passes"] and kind not in NOT_ALWAYS]


def _print(title: str, found: dict[str, Counter[str]]) -> None:
    print(f"{title:72}{'error':>8}{'warning':>8}{'passes':>8}")
    total = sum(found.values(), Counter[str]())
    for kind, counts in [*found.items(), (f"all {total.total()}", total)]:
        print(f"{kind:72}{counts['error']:8}{counts['warning']:8}{counts['passes']:8}")
    print()


def main() -> int:
    """Check everything, and print the counts.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mistakes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: %(default)s)")
    parser.add_argument("--size", type=int, default=SIZE, help="how many changes (default: %(default)s)")
    parser.add_argument("--passing", action="store_true", help="name each change that passes")
    options = parser.parse_args()
    check = check_of(Emulator())
    changed = mutations(options.seed, options.size)
    found = outcomes(changed, check)
    _print("Faults", found)
    for mutation in changed if options.passing else ():
        if outcome(mutation, check) == "passes":
            print(f"{mutation.kind}: {mutation}")
    wrong = false_words(range(VALID), check)
    for seed, problems in wrong.items():
        print(f"valid definition {seed}", *problems, sep="\n  ")
    print(f"{share(found):.1%} of the faults are reported; of {VALID} valid definitions {len(wrong)} have a problem")
    print(*(f"passes without a reason: {kind}" for kind in unexplained(found)), sep="\n")
    return int(share(found) < REQUIRED or bool(unexplained(found) or wrong))


if __name__ == "__main__":
    raise SystemExit(main())
