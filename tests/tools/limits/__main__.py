"""Measure processes that share a rate limit: simulated, or real ones.

python -m tests.tools.limits                  simulated, each way to round and to begin windows, and kills: 2 minutes
python -m tests.tools.limits --real           real processes, and what a call costs: 5 minutes
python -m tests.tools.limits --real --tree T  the same with the package of another tree
python -m tests.tools.limits --short          real processes, a few windows of each limiter: a minute
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from tests.tools.limits.processes import ROOT
from tests.tools.limits.real import LIMITERS, RealOutcome, contend, milliseconds
from tests.tools.limits.simulated import Contention, simulated_table

_HARD = Contention("down", is_aligned=False, longest=4.0, kills=1.5, processes=16)
_CASES = [
    Contention("up", is_aligned=True, processes=8),
    Contention("nearest", is_aligned=False, longest=2.0, processes=16),
    Contention("down", is_aligned=True, longest=4.0, processes=8),
    _HARD,
]


def main() -> int:
    """Measure; return 1 if something isn't as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.limits", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--real", action="store_true", help="real processes, and what a call costs")
    parser.add_argument("--short", action="store_true", help="real processes, a few windows of each limiter")
    parser.add_argument("--tree", type=Path, default=ROOT, help="the tree whose package the processes use")
    options = parser.parse_args()
    code = 0
    lines = _short() if options.short else _real(options.tree) if options.real else simulated_table()
    for line in lines:
        print(line, flush=True)
        code = 1 if line.endswith("FAILED") else code
    return code


def _real(tree: Path) -> Iterator[str]:
    yield "| `rate_limiter` | processes | a response takes | killed each | requests | refused | used | errors |"
    yield "|---|---|---|---|---|---|---|---|"
    for case in _CASES:
        for name in LIMITERS[:2]:
            yield _row(name, case, contend(name, case, 5, tree))
    yield ""
    yield "| `rate_limiter` | CPU of a call, ms |"
    yield "|---|---|"
    for name in ("process", *LIMITERS):
        yield f"| `{name}` | {milliseconds(name, tree):.2f} |"


def _short() -> Iterator[str]:
    for name in LIMITERS:
        yield _row(name, _HARD, contend(name, _HARD, 4))
    for name in LIMITERS[1:]:
        yield _row(f"{name}, emptied", _CASES[1], contend(name, _CASES[1], 4, loses_state=True))


def _row(name: str, case: Contention, done: RealOutcome) -> str:
    killed = f"{case.kills:g} s" if case.kills else "never"
    refused = f"{done.refused} ({done.refused / done.sent:.1%})"
    row = (f"`{name}`", case.processes, f"0 to {case.longest:g} s", killed, done.sent, refused, f"{done.used:.1%}")
    is_right = done.refused <= 0.01 * done.sent and done.used >= 0.95 and not done.errors
    return f"| {' | '.join(map(str, row))} | {len(done.errors)} |{'' if is_right else ' FAILED'}"


if __name__ == "__main__":
    raise SystemExit(main())
