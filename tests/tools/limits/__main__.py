"""Measure processes that share a rate limit: simulated, or real ones.

python -m tests.tools.limits                  simulated, each way to round and to begin windows, and kills: 2 minutes
python -m tests.tools.limits --short          real processes, a few windows of each limiter: a minute
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from tests.tools.limits.real import LIMITERS, RealOutcome, contend
from tests.tools.limits.simulated import Contention, simulated_table

_HARD = Contention("down", is_aligned=False, longest=4.0, kills=1.5, processes=16)
_EMPTIED = Contention("nearest", is_aligned=False, longest=2.0, processes=16)


def main() -> int:
    """Measure; return 1 if something isn't as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.limits", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="real processes, a few windows of each limiter")
    options = parser.parse_args()
    code = 0
    lines = _short() if options.short else simulated_table()
    for line in lines:
        print(line, flush=True)
        code = 1 if line.endswith("FAILED") else code
    return code


def _short() -> Iterator[str]:
    for name in LIMITERS:
        yield _row(name, _HARD, contend(name, _HARD, 4))
    for name in LIMITERS[1:]:
        yield _row(f"{name}, emptied", _EMPTIED, contend(name, _EMPTIED, 4, loses_state=True))


def _row(name: str, case: Contention, done: RealOutcome) -> str:
    killed = f"{case.kills:g} s" if case.kills else "never"
    refused = f"{done.refused} ({done.refused / done.sent:.1%})"
    row = (f"`{name}`", case.processes, f"0 to {case.longest:g} s", killed, done.sent, refused, f"{done.used:.1%}")
    is_right = done.refused <= 0.01 * done.sent and done.used >= 0.95 and not done.errors
    return f"| {' | '.join(map(str, row))} | {len(done.errors)} |{'' if is_right else ' FAILED'}"


if __name__ == "__main__":
    raise SystemExit(main())
