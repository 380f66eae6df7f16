"""The page of the contract suite: what is written by hand, with the table of the mutants that it detects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from tests.tools.markdown import ROOT
from tests.tools.mutants import kinds, run_kinds
from tests.tools.mutants.derive import SURVIVORS, mutants
from tests.tools.mutants.mutant import Mutant
from tests.tools.page_sections import PageSection

CONTRACT_SUITE: Final = ROOT / "docs" / "reference" / "contract-suite.md"


def contract_suite_page() -> str:
    """Return the page; `python -m tests.tools.mutants` checks that each mutant is detected that it says."""
    return PageSection("mutants").replaced(CONTRACT_SUITE, table(mutants(), SURVIVORS))


def table(mutants: Collection[Mutant], survivors: Mapping[str, str]) -> str:
    """Return a row for each kind of fault, and one for each mutant that is not caught.

    Args:
        mutants: All mutants.
        survivors: The names of those that no check catches, and why not.
    """
    return "".join(f"{line}\n" for line in _lines(mutants, survivors))


def _lines(mutants: Collection[Mutant], survivors: Mapping[str, str]) -> Iterator[str]:
    found = Counter(mutant.kind for mutant in mutants)
    missed = Counter(mutant.kind for mutant in mutants if str(mutant) in survivors)
    yield "| Fault | Servers | Detected |"
    yield "|---|---:|---:|"
    for kind, count in found.items():
        yield f"| {_sentence(kind)} | {count:,} | {count - missed[kind]:,} |"
    yield f"| **All** | **{found.total():,}** | **{found.total() - missed.total():,}** |"
    yield ""
    yield "| Not detected | Why |"
    yield "|---|---|"
    for name, reason in survivors.items():
        yield f"| `{name}` | {reason} |"


def _sentence(kind: str) -> str:
    documentation: str = getattr(kinds if hasattr(kinds, kind) else run_kinds, kind).__doc__
    return documentation.splitlines()[0].rstrip(".")
