"""Change valid definitions in one place at a time, and count how many of the changes the checks report.

python -m tests.tools.mistakes                          900 changes, chosen by seed 1, and 500 valid definitions
python -m tests.tools.mistakes --seed 2 --size 2000     another sample
python -m tests.tools.mistakes --passing                name each change that passes
python -m tests.tools.mistakes --write docs/reference/checking-definitions.md       put the counts into the page

It exits with 1 when less than 95 % of the changes are reported, when one passes and `kinds.NOT_ALWAYS` doesn't say why,
when something is reported of a valid definition, or when the page has other counts.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from fibonacci.definitions import Problems, check_definition
from fibonacci.emulator import Emulator
from tests.tools.mistakes.kinds import NOT_ALWAYS, OTHER_MEANINGS, Mutation, mutations, other_meanings
from tests.tools.mistakes.valid import valid_definition
from tests.tools.page_sections import PageSection

SIZE: Final = 900
VALID: Final = 500
REQUIRED: Final = 0.95
PAGE: Final = Path(__file__).parents[3] / "docs" / "reference" / "checking-definitions.md"
SECTION: Final = PageSection("mutations")

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


def page_text(found: dict[str, Counter[str]]) -> str:
    """Return what the page says: the kinds of which some pass, and those that no check can report."""
    return "".join(f"{line}\n" for line in _lines(found))


def _lines(found: dict[str, Counter[str]]) -> Iterator[str]:
    total = sum(found.values(), Counter[str]())
    said = total.total() - total["passes"]
    yield f"Of {total.total():,} changes of {len(found)} kinds, {said} are reported: {total['error']} as errors and"
    yield f"{total['warning']} as warnings."
    some = {kind: counts for kind, counts in found.items() if counts["passes"]}
    if some:
        yield ""
        yield "| Not always reported | Changes | Reported | Why |"
        yield "|---|---:|---:|---|"
        for kind, counts in some.items():
            reported = counts.total() - counts["passes"]
            yield f"| {kind} | {counts.total()} | {reported} | {NOT_ALWAYS.get(kind, '?')} |"
    yield ""
    yield "| Valid, and so not reported | Why |"
    yield "|---|---|"
    for kind, (_, reason) in OTHER_MEANINGS.items():
        yield f"| {kind} | {reason} |"


def _print(title: str, found: dict[str, Counter[str]]) -> None:
    print(f"{title:72}{'error':>8}{'warning':>8}{'passes':>8}")
    total = sum(found.values(), Counter[str]())
    for kind, counts in [*found.items(), (f"all {total.total()}", total)]:
        print(f"{kind:72}{counts['error']:8}{counts['warning']:8}{counts['passes']:8}")
    print()


def main() -> int:
    """Check everything, and print or write the counts.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mistakes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: %(default)s)")
    parser.add_argument("--size", type=int, default=SIZE, help="how many changes (default: %(default)s)")
    parser.add_argument("--passing", action="store_true", help="name each change that passes")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the counts between the markers of this page")
    options = parser.parse_args()
    check = check_of(Emulator())
    changed = mutations(options.seed, options.size)
    found = outcomes(changed, check)
    if options.write is not None:
        SECTION.write(options.write, page_text(found))
    is_of_page = (options.seed, options.size) == (1, SIZE)
    is_stale = is_of_page and SECTION.read(PAGE) != page_text(found)
    _print("Faults", found)
    _print("Other meanings, which count for nothing", outcomes(other_meanings(options.seed, 100), check))
    for mutation in changed if options.passing else ():
        if outcome(mutation, check) == "passes":
            print(f"{mutation.kind}: {mutation}")
    wrong = false_words(range(VALID), check)
    for seed, problems in wrong.items():
        print(f"valid definition {seed}", *problems, sep="\n  ")
    print(f"{share(found):.1%} of the faults are reported; of {VALID} valid definitions {len(wrong)} have a problem")
    print(*(f"passes without a reason: {kind}" for kind in unexplained(found)), sep="\n")
    if is_stale:
        print(f"{PAGE.name} has other counts: --write puts these into it")
    return int(share(found) < REQUIRED or is_stale or bool(unexplained(found) or wrong))


if __name__ == "__main__":
    raise SystemExit(main())
