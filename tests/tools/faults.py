"""Measure what the client does about every fault: python -m tests.tools.faults."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from tests.faults.calls import METHODS, ONE_OF_EACH, longest
from tests.faults.expectations import REPEATABLE
from tests.faults.run_row import Run, run_row
from tests.faults.table import FaultRow, rows
from tests.kit.mode import MODES, TWO_MODES, Mode, ModeName

_ONCE = tuple(method for method in METHODS if method not in REPEATABLE)


def main() -> None:
    """Run every row, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.faults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mode", choices=MODES, default="sync", help="the client to measure; sync when not given")
    options = parser.parse_args()
    for line in _lines(options.mode):
        print(line, flush=True)


def _lines(mode_name: ModeName) -> Iterator[str]:
    yield (
        f"| what the server does | {', '.join(REPEATABLE)} | {', '.join(_ONCE)} | timeout | longest call | on httpx |"
    )
    yield "|---|---|---|---|---|---|"
    with Mode(mode_name) as mode:
        for row in rows():
            run = run_row(row, mode)
            ends = [_ends(run, REPEATABLE), _ends(run, _ONCE)]
            cells = [row.name, *ends, f"{row.timeout:g} s", f"{_longest(run):.2f} s", _on_httpx(row, run, mode)]
            yield f"| {' | '.join(cells)} |"


def _on_httpx(row: FaultRow, socket: Run, mode: Mode) -> str:
    """Say what differs on httpx."""
    if not row.httpx or mode.name not in TWO_MODES:
        return ""
    run = run_row(row, mode, "httpx", ONE_OF_EACH)
    is_late = _longest(run) > longest(row.timeout)
    if all(run.end(method) == socket.end(method) for method in run.ended) and not is_late:
        return "the same"
    return f"{_ends(run, tuple(run.ended))}{f', after {_longest(run):.1f} s' if is_late else ''}"


def _longest(run: Run) -> float:
    return max(ended.seconds for ended in run.ended.values())


def _ends(run: Run, methods: tuple[str, ...]) -> str:
    """Return the different ends of the calls with these methods."""
    return "; ".join(dict.fromkeys(_end(run, method) for method in methods))


def _end(run: Run, method: str) -> str:
    end = run.end(method)
    sent = f"sent {end.requests}×"  # noqa: RUF001
    if end.error is None:
        return f"{sent}, succeeds"
    return f"{sent}, {end.error.__name__}{', outcome unknown' if end.outcome_unknown else ''}"


if __name__ == "__main__":
    main()
