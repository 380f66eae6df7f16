"""Measure the limiters that processes share, with real processes, and write it down.

python -m tests.tools.limits                                          windows of a minute: 15 minutes; print the table
python -m tests.tools.limits --write docs/reference/rate-limits.md     put it between the page's markers
python -m tests.tools.limits --short                                  check what has to hold, in half a minute
python -m tests.tools.limits --first                                  how the first window is shared, in half a minute
python -m tests.tools.limits --resets                                 how resets are rounded, simulated: 2 minutes
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.kit.redis import REDIS_SERVERS
from tests.tools.limits.resets import resets_table
from tests.tools.limits.scenarios import (
    LIMITERS,
    Contention,
    Figures,
    cost,
    kill_holders,
    measure,
    restart_server,
    start_together,
)
from tests.tools.page_sections import PageSection

SECTION = PageSection("limits")
LONG = Contention(300, 60.0, 4.5)
FIRST = Contention(300, 60.0, 0.2)
SHORT = Contention(200, 5.0, 2.6)
SMALL = Contention(20, 2.0, 3.5, processes=4, threads=2)


def main() -> int:
    """Measure or check.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.tools.limits", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table between the markers of this page")
    parser.add_argument("--short", action="store_true", help="check what has to hold, in half a minute")
    parser.add_argument("--first", action="store_true", help="how processes that start together share a first window")
    parser.add_argument("--resets", action="store_true", help="what each way to round resets costs, in simulated time")
    options = parser.parse_args()
    if options.first:
        print(*map(_first, LIMITERS), sep="\n")
        return 0
    if options.short or options.resets:
        code = 0
        for line in resets_table() if options.resets else _check():
            print(line, flush=True)
            code = 1 if line.endswith("FAILED") else code
        return code
    lines: list[str] = []
    for line in _table():
        print(line, flush=True)
        lines.append(f"{line}\n")
    if options.write is not None:
        SECTION.write(options.write, "".join(lines))
    return 0


def _table() -> Iterator[str]:
    titles = ("`rate_limiter`", "another program", "requests", "refused", "lost of each window, s", "calls of a thread")
    yield f"| {' | '.join(titles)} | CPU of a call |"
    yield "|---|---|---|---|---|---|---|"
    calls = 2000
    base = cost("process", calls)
    ratios = {name: cost(name, calls) / base for name in LIMITERS}
    for has_outsider in (False, True):
        with ThreadPoolExecutor() as pool:  # they mostly wait
            names = ("process", *LIMITERS)
            runs = pool.map(partial(measure, profile=LONG, has_outsider=has_outsider), names)
            for name, figures in zip(names, runs, strict=True):
                yield _row(name, figures, ratios.get(name, 1.0), has_outsider=has_outsider)


def _row(name: str, figures: Figures, ratio: float, *, has_outsider: bool) -> str:
    served, rows = figures.served, figures.rows
    cells = (
        f"`{name}`",
        "10 % of the plan" if has_outsider else "none",
        f"{served.sent:,}",
        f"{served.refused} ({served.refused / served.sent:.1%})",
        ", ".join(f"{seconds:.2f}" for seconds in served.lost),
        f"{min(rows)} to {max(rows)}",
        f"{ratio:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _check() -> Iterator[str]:
    """Yield a line for each thing that has to hold; those that do not end in FAILED."""
    with ThreadPoolExecutor() as pool:
        runs = {name: pool.submit(measure, name, SHORT) for name in LIMITERS}
        for name, run in runs.items():
            yield _verdict(f"{name}: 8 processes of 4 threads", run.result(), is_fair=True)
        runs = {name: pool.submit(kill_holders, name, SMALL) for name in LIMITERS}
        restarts = {name: pool.submit(restart_server, name, SMALL) for name in REDIS_SERVERS}
        for name, run in runs.items():
            yield _verdict(f"{name}: half of the processes killed", run.result())
        for name, run in restarts.items():
            # What nobody has told the server of the limiter before it was killed, one request finds out.
            yield _verdict(f"{name}: killed and started again", run.result(), may_be_refused=1)


def _first(name: str) -> str:
    figures = start_together(name, FIRST)
    rows = [sum(process.rows) for process in figures.done]
    text = f"{name}: {len(rows)} processes of {FIRST.threads} threads, as they start"
    return f"{text}: {rows} rows of each in the first window, {figures.served.refused} refused"


def _verdict(title: str, figures: Figures, *, is_fair: bool = False, may_be_refused: int = 0) -> str:
    served = figures.served
    holds = served.refused <= may_be_refused and not figures.errors and len(served.lost) > 0 and min(figures.rows) > 0
    if is_fair:  # two windows are few: the table has four of a minute, where it is less than 2
        holds = holds and figures.unfairness <= 2.5
    lost = ", ".join(f"{seconds:.2f}" for seconds in served.lost)
    text = f"{title}: {served.sent} requests, {served.refused} refused, {min(figures.rows)} to {max(figures.rows)} rows"
    return f"{text} per thread, {len(figures.errors)} errors, lost {lost} s{'' if holds else ': FAILED'}"


if __name__ == "__main__":
    raise SystemExit(main())
