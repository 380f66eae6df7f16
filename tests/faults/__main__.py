"""Measure what the client does about every fault, and write it down.

python -m tests.faults                                 print the table
python -m tests.faults --write docs/reliability.md     put it between the page's markers
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from fibonacci._core import retry
from tests.faults.driving import COLOURS, METHODS, Colour, longest
from tests.faults.expectations import REPEATABLE
from tests.faults.run_row import Run, run_row
from tests.faults.table import FaultRow, rows
from tests.faults.transports import OTHER_COLOURS

BEGIN = "<!-- measured: begin -->\n"
END = "<!-- measured: end -->\n"
_ONCE = tuple(method for method in METHODS if method not in REPEATABLE)


def main() -> None:
    """Carry every row out, and print or write what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table between the markers of this page")
    parser.add_argument("--colour", choices=COLOURS, default="sync", help="the client to measure; sync when not given")
    options = parser.parse_args()
    # The waits of the client's own choice are made short, as in the tests: they are not what is measured.
    retry._TRANSIENT_BASE = retry._THROTTLING_BASE = 0.02
    table = "".join(f"{line}\n" for line in _lines(options.colour))
    if options.write is None:
        print(table, end="")
        return
    before, _, rest = options.write.read_text("utf-8").partition(BEGIN)
    options.write.write_text(f"{before}{BEGIN}{table}{END}{rest.partition(END)[2]}", "utf-8")


def _lines(colour: Colour) -> Iterator[str]:
    yield (
        f"| what the server does | {', '.join(REPEATABLE)} | {', '.join(_ONCE)} | timeout | longest call | on httpx |"
    )
    yield "|---|---|---|---|---|---|"
    for row in rows():
        if colour in row.colours:
            run = run_row(row, colour)
            cells = [
                row.name,
                _ends(run, REPEATABLE),
                _ends(run, _ONCE),
                f"{row.timeout:g} s",
                f"{_longest(run):.2f} s",
            ]
            yield f"| {' | '.join([*cells, _on_httpx(row, run, colour)])} |"


def _on_httpx(row: FaultRow, socket: Run, colour: Colour) -> str:
    """Say what differs on httpx."""
    if not row.httpx or colour not in OTHER_COLOURS:
        return ""
    run = run_row(row, colour, "httpx")
    is_late = _longest(run) > longest(row.timeout)
    if all(run.end(method) == socket.end(method) for method in run.ended) and not is_late:
        return "the same"
    return f"{_ends(run, tuple(run.ended))}{f', after {_longest(run):.1f} s' if is_late else ''}"


def _longest(run: Run) -> float:
    return max(ended.seconds for ended in run.ended.values())


def _ends(run: Run, methods: tuple[str, ...]) -> str:
    """What came of the calls with these methods, once for each different end."""
    return "; ".join(dict.fromkeys(_end(run, method) for method in methods))


def _end(run: Run, method: str) -> str:
    end = run.end(method)
    sent = f"sent {end.requests}×"  # noqa: RUF001
    if end.error is None:
        return f"{sent}, succeeds"
    return f"{sent}, {end.error.__name__}{', outcome unknown' if end.outcome_unknown else ''}"


if __name__ == "__main__":
    main()
