"""`python -m tests.tools.interruptions [--fault F] [--script S]`: each fault at every line, await and start."""

from __future__ import annotations

import argparse
import itertools
import time

from tests.tools.interruptions.faults import FAULTS, FEW, KNOWN, attempt
from tests.tools.interruptions.scripts import SCRIPTS, InterruptedClient, subject

_MOST_SHOWN = 12


def main() -> int:
    """Run them; return 1 if there is a fault that is not known."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.interruptions", description=__doc__)
    parser.add_argument("--fault", choices=FAULTS, action="append")
    parser.add_argument("--script", choices=SCRIPTS, action="append")
    parser.add_argument("--every", type=int, default=1, help="only every so many lines")
    arguments = parser.parse_args()
    unexpected = 0
    print(f"{'fault':<12} {'script':<8} {'places':>7} {'faults':>7} {'CPU s':>7}", flush=True)
    with subject() as made:
        for fault, script in itertools.product(arguments.fault or FAULTS, arguments.script or SCRIPTS):
            began = time.process_time()
            places, faults = _try_all(made, script, fault, 1 if fault in FEW else arguments.every)
            seconds = time.process_time() - began
            print(f"{fault:<12} {script:<8} {places:>7,} {len(faults):>7} {seconds:>7.1f}", flush=True)
            reason = KNOWN.get(f"{fault} in {script}")
            unexpected += reason is None and bool(faults)
            for text in [f"known: {reason}"] if reason else faults[:_MOST_SHOWN]:
                print(f"  {text}", flush=True)
    return 1 if unexpected else 0


def _try_all(made: InterruptedClient, script: str, fault: str, every: int) -> tuple[int, list[str]]:
    """Return how many places were tried, and the faults."""
    found: list[str] = []
    for number in itertools.count(1, every):
        trial = attempt(made, script, fault, number)
        if not trial.place:
            return number - 1, found
        if trial.faults:
            found.append(f"{number}: {trial.place}\n      {'; '.join(trial.faults)}")
    raise AssertionError


if __name__ == "__main__":
    raise SystemExit(main())
