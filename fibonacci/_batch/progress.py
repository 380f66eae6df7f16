"""The progress of a batch: as text, and as the note that its journal has. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

from pydantic import TypeAdapter

from fibonacci._batch.estimate import BatchLimits, duration_text, estimated
from fibonacci._batch.rows import key_in
from fibonacci._texts.text import printable_line
from fibonacci.models.run_results import RunsProgress, RunsSummary

LOG_EVERY = 60.0
"""Seconds between two lines of the log."""

MOST_UNKNOWN = 10
"""How many rows of unknown outcome are named."""

_LONGEST_REASON = 80  # why rows are blocked, next to the bar
# A limit binds if it explains this much of the time that rows have taken, which begins with requests of other kinds.
_EXPLAINED = 0.8


class ProgressText:
    """Describes how far a batch has come.

    Args:
        began: When the run began, on the monotonic clock.
        total: The number of rows. None if it isn't known.
    """

    def __init__(self, began: float, total: int | None) -> None:
        self._began = began
        self._total = total

    def text(self, summary: RunsSummary, progress: RunsProgress) -> str:
        """Return the failures, the rate, the time left, the limit that binds if one does, and what blocks the rows."""
        counts = {"failed": summary.failed, "unknown": summary.unknown, "from the journal": summary.from_journal}
        parts = [f"{number} {name}" for name, number in counts.items() if number]
        if progress.rows_per_minute is not None:
            parts.append(f"{progress.rows_per_minute:,.1f} a minute")
        if progress.seconds_left is not None:
            bound = "" if progress.bound_by is None else f" ({progress.bound_by})"
            parts.append(f"{duration_text(progress.seconds_left)} left{bound}")
        if (blocker := summary.blocked_by) is not None:
            reason = printable_line(blocker.reason)[:_LONGEST_REASON]
            parts.append(f"blocked until {blocker.next_try_at:%H:%M:%S} UTC: {reason}")
        return ", ".join(parts)

    def measured(
        self,
        summary: RunsSummary,
        limits: BatchLimits | None,
        now: float,
        time: float,
        *,
        paused: float = 0.0,
        unknown: Sequence[str] = (),
    ) -> RunsProgress:
        """Return how fast rows end: as they have until now, unless a limit makes the time left longer.

        Args:
            summary: How far the rows have come.
            limits: What limits them. None if the pace until now says nothing, as in an outage.
            now: Seconds on the monotonic clock.
            time: The Unix time.
            paused: Seconds for which no row is started, because a quota is used up.
            unknown: The keys of the rows of unknown outcome, as the journal has them.
        """
        per_minute = seconds_left = bound_by = None
        if limits is not None:
            ended = summary.succeeded + summary.failed - summary.from_journal
            elapsed = now - self._began
            per_minute = 60 * ended / elapsed if ended and elapsed > 0 else None
            by_limit = estimated(summary.left, limits, is_begun=True)
            observed = summary.left * elapsed / ended if ended else 0.0
            seconds = max(by_limit.hours * 3600, observed, paused)
            if self._total is not None and summary.left > 0 and seconds > 0:
                seconds_left = seconds
                bound_by = by_limit.bound_by if by_limit.hours * 3600 >= _EXPLAINED * observed else None
        return RunsProgress(
            written_at=datetime.fromtimestamp(time, UTC),
            total=self._total,
            rows_per_minute=per_minute,
            seconds_left=seconds_left,
            bound_by=bound_by,
            blocked_by=summary.blocked_by,
            unknown=len(unknown),
            unknown_keys=tuple(map(key_in, unknown[:MOST_UNKNOWN])),
        )

    def line(self, summary: RunsSummary, text: str) -> str:
        """Return a line of the log."""
        of_total = "" if self._total is None else f" of {self._total:,}"
        return f"{summary.succeeded + summary.failed:,}{of_total} rows have ended" + (f": {text}" if text else "")


@cache
def _notes() -> TypeAdapter[RunsProgress]:
    return TypeAdapter(RunsProgress)


def note_of(progress: RunsProgress) -> str:
    """Return the note in which a journal keeps a progress."""
    return _notes().dump_json(progress).decode()


def progress_in(note: str | bytes | None) -> RunsProgress | None:
    """Return the progress in a note of a journal, or None if it is missing or damaged: no row depends on it."""
    try:
        return _notes().validate_json(note or "")
    except ValueError:
        return None
