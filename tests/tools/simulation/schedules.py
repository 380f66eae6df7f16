"""Run random schedules of a batch, and compare what the calls returned with what the platform has.

    python -m tests.tools.simulation.schedules                 for 45 seconds
    python -m tests.tools.simulation.schedules --seconds 600
    python -m tests.tools.simulation.schedules --seed 574      one schedule again, with every request

A seed determines the rows, the plan, the order of tasks, delays, losses, an outage, clock skew, and when processes are
killed. No row may run twice, none may be lost, only those that were in flight may be unknown, and no request may be
sent beyond the window of the rate limit.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple
from os import cpu_count

from tests.tools.simulation.schedule import Outcome, Schedule, broken

_CHUNK = 50


def run(seed: int) -> tuple[Outcome | None, list[str]]:
    """Run a schedule; return what came of it, and the promises that it broke."""
    schedule = Schedule(seed)
    try:
        outcome = schedule.run()
    except Exception:
        return None, [traceback.format_exc()]
    return outcome, broken(schedule, outcome)


def run_some(first: int, until: float) -> tuple[Counter[str], list[str]]:
    """Run schedules with the seeds from the first on, until a Unix time; return counts, and a text for each failure."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for seed in range(first, first + _CHUNK):
        if time.time() >= until:
            break
        outcome, faults = run(seed)
        counts["schedules"] += 1
        failures += [f"--seed {seed}: {fault}" for fault in faults]
        if outcome is not None:
            counts["rows"] += len(outcome.results)
            counts["requests"] += len(outcome.exchanges)
            counts["kills"] += outcome.kills
            counts["without response"] += sum(each.status is None for each in outcome.exchanges)
            counts["unknown"] += sum(result.status == "unknown" for result in outcome.results.values())
            counts["simulated hours"] += round(outcome.seconds / 3600)
    return counts, failures


def _run_all(seconds: float, first: int) -> int:
    """Run schedules on all processors; return how many promises were broken."""
    until = time.time() + seconds
    counts: Counter[str] = Counter()
    failures: list[str] = []
    with ProcessPoolExecutor(cpu_count()) as pool:
        while time.time() < until:
            seeds = range(first, first + _CHUNK * (cpu_count() or 1), _CHUNK)
            first += _CHUNK * len(seeds)
            for done, failed in pool.map(run_some, seeds, [until] * len(seeds)):
                counts += done
                failures += failed
    print(", ".join(f"{number:,} {name}" for name, number in counts.items()))
    print(*failures or ["every promise was kept"], sep="\n")
    return len(failures)


def _run_one(seed: int) -> int:
    """Run one schedule, and print its conditions and requests; return how many promises it broke."""
    schedule = Schedule(seed)
    print(schedule.conditions)
    outcome, failures = run(seed)
    for exchange in [] if outcome is None else outcome.exchanges:
        print(*astuple(exchange))
    print(*failures or ["every promise was kept"], sep="\n")
    return len(failures)


def main() -> None:
    """Run what the command line says, and exit with 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description="Run random schedules of a batch.")
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--first", type=int, default=random.randrange(2**32), help="the first of the seeds")
    parser.add_argument("--seed", type=int, help="run this schedule alone")
    options = parser.parse_args()
    if options.seed is None:
        print("first seed", options.first)
    sys.exit(bool(_run_one(options.seed) if options.seed is not None else _run_all(options.seconds, options.first)))


if __name__ == "__main__":
    main()
