"""The progress of a batch as text, and how to continue one that ended early. Pure."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from fibonacci._batch.estimate import BatchLimits, duration_text, estimated
from fibonacci._batch.rows import key_in
from fibonacci._core.retry import is_final
from fibonacci._remedies import argument, remedy
from fibonacci._texts.text import printable_line
from fibonacci.errors import (
    JournalError,
    QuotaExceededError,
    RunsStoppedError,
    TooManyFailuresError,
    UnknownOutcomeError,
)
from fibonacci.models.run_results import RunResult, RunsBlocker, RunsProgress, RunsSummary

LOG_EVERY = 60.0
"""Seconds between two lines of the log."""

MOST_UNKNOWN = 10
"""How many rows of unknown outcome are named."""


_LONGEST_REASON = 80  # why rows are blocked, beside the bar
# A limit binds if it explains so much of the time that rows have taken, which begins with requests of other kinds.
_EXPLAINED = 0.8


class BatchPace(NamedTuple):
    """How fast rows end.

    Attributes:
        per_minute: Rows a minute since the run began. None until one has ended.
        seconds_left: The time left. None if it isn't known.
        bound_by: The limit that binds. None if none does.
    """

    per_minute: float | None
    seconds_left: float | None
    bound_by: str | None


class ProgressText:
    """Describes how far a batch has come.

    Args:
        began: When the run began, on the monotonic clock.
        total: The number of rows. None if it isn't known.
    """

    def __init__(self, began: float, total: int | None) -> None:
        self._began = began
        self._total = total

    def text(self, summary: RunsSummary, pace: BatchPace) -> str:
        """Return the failures, the rate, the time left, the limit that binds if one does, and what blocks the rows.

        Args:
            summary: How far the rows have come.
            pace: How fast they end.
        """
        counts = {"failed": summary.failed, "unknown": summary.unknown, "from the journal": summary.from_journal}
        parts = [f"{number} {name}" for name, number in counts.items() if number]
        if pace.per_minute is not None:
            parts.append(f"{pace.per_minute:,.1f} a minute")
        if pace.seconds_left is not None:
            bound = "" if pace.bound_by is None else f" ({pace.bound_by})"
            parts.append(f"{duration_text(pace.seconds_left)} left{bound}")
        if (blocker := summary.blocked_by) is not None:
            reason = printable_line(blocker.reason)[:_LONGEST_REASON]
            parts.append(f"blocked until {blocker.next_try_at:%H:%M:%S} UTC: {reason}")
        return ", ".join(parts)

    def pace(self, summary: RunsSummary, limits: BatchLimits, now: float, paused: float = 0.0) -> BatchPace:
        """Return how fast rows end: as they went until now, unless a limit makes the time left longer.

        A limit binds if it explains most of the time that the rows take.

        Args:
            summary: How far the rows have come.
            limits: What bounds them.
            now: Seconds on the monotonic clock.
            paused: Seconds for which no row is started, because a quota is exhausted.
        """
        ended = summary.succeeded + summary.failed - summary.from_journal
        elapsed = now - self._began
        per_minute = 60 * ended / elapsed if ended and elapsed > 0 else None
        by_limit = estimated(summary.left, limits, is_begun=True)
        observed = summary.left * elapsed / ended if ended else 0.0
        seconds = max(by_limit.hours * 3600, observed, paused)
        if self._total is None or summary.left <= 0 or seconds <= 0:
            return BatchPace(per_minute, None, None)
        binds = by_limit.hours * 3600 >= _EXPLAINED * observed
        return BatchPace(per_minute, seconds, by_limit.bound_by if binds else None)

    def line(self, summary: RunsSummary, text: str) -> str:
        """Return a line of the log."""
        of_total = "" if self._total is None else f" of {self._total:,}"
        return f"{summary.succeeded + summary.failed:,}{of_total} rows have ended" + (f": {text}" if text else "")

    def note(self, pace: BatchPace, written_at: float, blocker: RunsBlocker | None, unknown: Sequence[str]) -> str:
        """Return what the journal keeps of the progress, as JSON.

        Args:
            pace: How fast rows end.
            written_at: The Unix time.
            blocker: What keeps them from moving.
            unknown: The keys of the rows of unknown outcome, as the journal has them.
        """
        blocked_by = None if blocker is None else blocker.to_dict()
        return json.dumps([written_at, self._total, *pace, blocked_by, len(unknown), unknown[:MOST_UNKNOWN]])


def progress_in(note: str | bytes | None) -> RunsProgress | None:
    """Return the progress in a note of a journal, or None if it is missing or damaged: no row depends on it."""
    try:
        written_at, total, per_minute, seconds_left, bound_by, blocked, unknown, keys = json.loads(note or "[]")
        if blocked is not None:
            times = {name: datetime.fromisoformat(blocked[name]).astimezone(UTC) for name in ("since", "next_try_at")}
            blocked = RunsBlocker(reason=str(blocked["reason"]), **times)
        return RunsProgress(
            written_at=datetime.fromtimestamp(written_at, UTC),
            total=total,
            rows_per_minute=per_minute,
            seconds_left=seconds_left,
            bound_by=bound_by,
            blocked_by=blocked,
            unknown=unknown,
            unknown_keys=tuple(key_in(key) for key in keys),
        )
    except (ValueError, TypeError, LookupError, OverflowError, OSError):
        return None


def drain_text(number: int, in_flight: int, journal: str) -> str:
    """Return what to print at the first signal.

    Args:
        number: The number of the signal.
        in_flight: How many rows are under way.
        journal: The path of the journal. Empty for none.
    """
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    again = f"Press {name} again" if number == signal.SIGINT else f"Send {name} again"
    return (
        f"{name}: no more rows are started. Waiting for {in_flight} in progress. {again} to stop at "
        f"once. {_remedy(journal)}"
    )


def stopped_error(journal: str) -> RunsStoppedError:
    """Return the error of a run that another process has stopped.

    Args:
        journal: The path of the journal.
    """
    return RunsStoppedError(
        f"another process stopped the run of journal {journal}: no more rows were started, and the rows in progress "
        "were waited for"
    )


def resume_note(summary: RunsSummary, journal: str, error: Exception, *, is_empty: bool) -> str:
    """Return the note on an exception that ends a batch early.

    Args:
        summary: How far the rows have come.
        journal: The path of the journal. Empty for none.
        error: The exception.
        is_empty: Whether the journal has no row.
    """
    if isinstance(error, UnknownOutcomeError) or (isinstance(error, JournalError) and not error.can_continue):
        return f"{summary}."  # the same call would raise it again, and its text says what helps
    passes = isinstance(error, RunsStoppedError | QuotaExceededError) or not is_final(error, after_success=True)
    helps = not journal or passes
    parts = (f"{summary}. ", "" if helps else remedy("fix first"))
    again = remedy("retry failed") if journal and isinstance(error, TooManyFailuresError) else ""
    return "".join((*parts, remedy("begin again") if journal and is_empty else _remedy(journal), again))


def resume_fault(resume: bool | None, rows: int) -> str | None:
    """Return why a journal isn't what `resume` says, as the end of a sentence, or None if it is.

    Args:
        resume: Whether the journal must have rows. None if it may have some or none.
        rows: How many it has.
    """
    if resume is True and not rows:
        return (
            f"has no rows or does not exist, and {remedy('resume needs rows')}. To start, leave "
            f"{argument('resume', True)} out, which runs every row"
        )
    if resume is False and rows:
        return (
            f"has {rows} rows, and resume=False starts a new one: pass resume=True to continue, or pass another journal"
        )
    return None


def candidates_note(results: Sequence[RunResult]) -> str:
    """Return the note on which executions rows of unknown outcome may have. Empty if there are none."""
    lines: list[str] = []
    for result in results:
        named = [f"{each.id} ({each.status}, created at {each.created_at})" for each in result.candidates]
        if named:
            lines.append(printable_line(f"row {result.key} may be {' or '.join(named)}"))
    return "\n".join(lines)


def _remedy(journal: str) -> str:
    if journal:
        return remedy("continue", journal=journal)
    return "Without journal=, you cannot continue: the same call runs all rows again."
