"""A status as lines for a terminal: a bar, the counts, the pace and what binds, why rows have failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fibonacci._batch.estimate import duration_text
from fibonacci._display.text import cell_width, counted
from fibonacci._text import printable_line
from fibonacci.cli.journal.run_status import UNNAMED, RunStatus
from fibonacci.cli.rendering.terminal_text import fitted

Part = tuple[str, str]
"""A text, and its style in the words of rich."""

_LABEL: Final = 13
_NUMBER: Final = 7
_LONGEST_BAR: Final = 50
_FULL, _EMPTY = "\N{FULL BLOCK}", "\N{LIGHT SHADE}"


def status_lines(status: RunStatus, width: int, *, is_unicode: bool) -> list[list[Part]]:
    """Return the lines that show a status, each cut to a width.

    Args:
        status: The status.
        width: The width of the terminal in cells.
        is_unicode: Whether the terminal can show blocks.
    """
    lines = [_title(status), _bar(status, width, is_unicode=is_unicode), [], *_counts(status)]
    if pace := list(_pace(status)):
        lines += [[], *pace]
    if status.failures:
        lines += [[], [("why rows have failed", "bold")], *map(_failure, status.failures)]
    ellipsis = "\N{HORIZONTAL ELLIPSIS}" if is_unicode else "..."
    return [_cut(line, width, ellipsis) for line in lines]


def summary_line(status: RunStatus) -> str:
    """Return a status in one line."""
    summary = status.summary
    counts = ((summary.failed, "failed"), (summary.unknown, "unknown"), (status.under_way, "under way"))
    parts = [f"{number:,} {name}" for number, name in counts if number]
    parts += [f"{name} {printable_line(text)}" for name, text, _ in _pace_facts(status)]
    return f"{_ended(status)}: {', '.join(parts)}" if parts else _ended(status)


def _title(status: RunStatus) -> list[Part]:
    version = "" if status.version is None else f", version {printable_line(status.version)}"
    state = ("running", "green") if status.is_running else ("not running", "yellow" if status.left else "")
    workflow = f"  {printable_line(status.workflow_id)}{version}"
    return [state, (f"  {printable_line(status.journal)}", "bold"), (workflow, "")]


def _bar(status: RunStatus, width: int, *, is_unicode: bool) -> list[Part]:
    text = _ended(status)
    if not status.total:
        return [(text, "")]
    share = min(1.0, status.ended / status.total)
    percent = round(100 * share)
    if 0 < share < 1:  # some rows have ended, and some have not
        percent = min(99, max(1, percent))
    text = f"  {text}, {percent} %"
    cells = max(10, min(_LONGEST_BAR, width - len(text)))
    full = int(cells * share)
    filled, empty = (_FULL, _EMPTY) if is_unicode else ("#", ".")
    return [(filled * full, "green"), (empty * (cells - full), "dim"), (text, "")]


def _ended(status: RunStatus) -> str:
    if status.total is None:
        return f"{counted(status.ended, 'row')} ended"
    return f"{status.ended:,} of {counted(status.total, 'row')} ended"


def _counts(status: RunStatus) -> Iterator[list[Part]]:
    summary = status.summary
    yield _count("succeeded", summary.succeeded, "green" if summary.succeeded else "")
    yield _count("failed", summary.failed, "red" if summary.failed else "")
    unknown = _count("unknown", summary.unknown, "yellow" if summary.unknown else "")
    if status.unknown:
        more = summary.unknown - len(status.unknown)
        keys = ", ".join(printable_line(str(key)) for key in status.unknown) + (
            f" and {more:,} more" if more > 0 else ""
        )
        unknown.append((f"  rows {keys}", ""))
    yield unknown
    yield _count("under way" if status.is_running else "not ended", status.under_way, "")
    if status.left is not None and status.left > status.under_way:
        yield _count("not begun", status.left - status.under_way, "")


def _count(name: str, number: int, style: str) -> list[Part]:
    return [(name.ljust(_LABEL), ""), (f"{number:,}".rjust(_NUMBER), style)]


def _pace(status: RunStatus) -> Iterator[list[Part]]:
    for name, text, style in _pace_facts(status):
        yield [(name.ljust(_LABEL), ""), (printable_line(text), style)]


def _pace_facts(status: RunStatus) -> Iterator[tuple[str, str, str]]:
    """Yield what is known of the pace: its name, a text and a style."""
    if status.rows_per_minute is not None:
        yield "rate", f"{status.rows_per_minute:,.1f} rows a minute", ""
    if status.bound_by is not None:
        yield "bound by", status.bound_by, ""
    if status.paused_until is not None:
        seconds = (status.paused_until - status.read_at).total_seconds()
        yield "paused", f"waiting {duration_text(seconds)} for the quota", "yellow"
    if status.seconds_left is not None:
        yield "time left", f"about {duration_text(status.seconds_left)}", ""


def _failure(failure: tuple[str, int]) -> list[Part]:
    reason, number = failure
    return [
        (f"{number:,}".rjust(_LABEL + _NUMBER), "red"),
        (f"  {printable_line(reason)}", "dim" * (reason == UNNAMED)),
    ]


def _cut(line: list[Part], width: int, ellipsis: str) -> list[Part]:
    """Return a line that is at most so wide."""
    cut: list[Part] = []
    for text, style in line:
        cells = min(cell_width(text), width)
        cut.append((fitted(text, cells, ellipsis), style))
        width -= cells
    return cut
