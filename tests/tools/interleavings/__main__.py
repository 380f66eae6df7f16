"""`python -m tests.tools.interleavings [NAME] [--schedule N:CHOICE,...]`: every interleaving, and a table by object."""

from __future__ import annotations

import argparse
import time

from tests.tools.interleavings.explorer import Found, SharedScenario, explore
from tests.tools.interleavings.scenarios import SCENARIOS
from tests.tools.interleavings.task_scenarios import TASK_SCENARIOS


def main() -> int:
    """Run the scenarios; return 1 if there is a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.interleavings", description=__doc__)
    parser.add_argument("name", nargs="?", help="the scenario; all by default")
    parser.add_argument("--schedule", help="one interleaving, as the report of a fault has it")
    arguments = parser.parse_args()
    chosen = [each for each in [*SCENARIOS, *TASK_SCENARIOS] if arguments.name in (None, each.name)]
    if arguments.schedule:
        pairs = (pair.split(":") for pair in arguments.schedule.split(","))
        chosen[0].run({int(number): int(choice) for number, choice in pairs}, has_trail=True)
        return 0
    print(f"{'object':<32} {'schedules':>10} {'points':>12} {'CPU s':>8}")
    return int(sum(map(_has_fault, chosen)) > 0)


def _has_fault(scenario: SharedScenario) -> bool:
    """Explore a scenario and print its row; return whether it has a fault."""
    began = time.process_time()
    try:
        counts = explore(scenario)
    except Found as found:
        print(f"{scenario.name:<32} {found}", flush=True)
        return True
    seconds = time.process_time() - began
    print(f"{scenario.name:<32} {counts.schedules:>10,} {counts.points:>12,} {seconds:>8.1f}", flush=True)
    return False


if __name__ == "__main__":
    raise SystemExit(main())
