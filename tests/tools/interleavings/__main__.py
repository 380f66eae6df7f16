"""`python -m tests.tools.interleavings [NAME] [--schedule N:CHOICE,...]`: every interleaving, and a table by object."""

from __future__ import annotations

import argparse
import time

from tests.tools.interleavings.explorer import Found, SharedScenario, explore
from tests.tools.interleavings.known_faults import known_faults
from tests.tools.interleavings.scenarios import SCENARIOS
from tests.tools.interleavings.task_scenarios import TASK_SCENARIOS


def main() -> int:
    """Run the scenarios; return 1 if there is a fault that is not known, or one that is known has gone."""
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
    return 1 if any([not _is_as_known(scenario) for scenario in chosen]) else 0  # noqa: C419  # all are run


def _is_as_known(scenario: SharedScenario) -> bool:
    """Explore a scenario and print its row; return whether it has the fault that is known of it, or none."""
    began = time.process_time()
    reason = known_faults("interleavings").get(scenario.name)
    try:
        counts = explore(scenario)
    except Found as found:
        print(f"{scenario.name:<32} {'known: ' + reason if reason else found}", flush=True)
        return reason is not None
    seconds = time.process_time() - began
    print(f"{scenario.name:<32} {counts.schedules:>10,} {counts.points:>12,} {seconds:>8.1f}", flush=True)
    if reason:
        print(f"{scenario.name}: its fault has gone; so must its line in known_faults.toml")
    return not reason


if __name__ == "__main__":
    raise SystemExit(main())
