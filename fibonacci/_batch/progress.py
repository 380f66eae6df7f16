"""The progress of a batch as text: what has ended, the rate, the time left and the limit that binds. Pure."""

from __future__ import annotations

from fibonacci._batch.estimate import BatchLimits, duration_text, estimated
from fibonacci.models.run_results import RunsSummary

LOG_EVERY = 60.0
"""Seconds between two lines of the log."""


class ProgressText:
    """Describes how far a batch has come.

    Args:
        began: When the run began, on the monotonic clock.
        total: The number of rows; None where it is not known.
    """

    def __init__(self, began: float, total: int | None) -> None:
        self._began = began
        self._total = total

    def text(self, summary: RunsSummary, limits: BatchLimits, now: float, paused: float = 0.0) -> str:
        """Return the failures, the rate, the time left, and the limit that binds if one does.

        Args:
            summary: How far the rows have come.
            limits: What bounds them.
            now: Seconds on the monotonic clock.
            paused: Seconds for which no row is started, because a quota is exhausted.
        """
        ended = summary.succeeded + summary.failed - summary.from_journal
        elapsed = now - self._began
        parts = [f"{number} {name}" for name, number in _troubles(summary) if number]
        if ended and elapsed > 0:
            parts.append(f"{60 * ended / elapsed:,.1f} a minute")
        if self._total is not None and summary.left > 0:
            parts.append(self._time_left(summary.left, limits, elapsed / ended if ended else None, paused))
        if paused > 0:
            parts.append(f"waiting {duration_text(paused)} for the quota")
        return ", ".join(part for part in parts if part)

    def line(self, summary: RunsSummary, text: str) -> str:
        """Return a line of the log."""
        of_total = "" if self._total is None else f" of {self._total:,}"
        return f"{summary.succeeded + summary.failed:,}{of_total} rows have ended" + (f": {text}" if text else "")

    def _time_left(self, left: int, limits: BatchLimits, seconds_a_row: float | None, paused: float) -> str:
        """Return the time left: as the rows went until now, unless a limit makes it longer."""
        by_limit = estimated(left, limits, is_begun=True)
        observed = 0.0 if seconds_a_row is None else left * seconds_a_row
        seconds = max(by_limit.hours * 3600, observed, paused)
        if seconds <= 0:
            return ""
        binds = by_limit.bound_by is not None and by_limit.hours * 3600 >= observed
        return f"{duration_text(seconds)} left" + (f" ({by_limit.bound_by})" if binds else "")


def _troubles(summary: RunsSummary) -> list[tuple[str, int]]:
    return [("failed", summary.failed), ("unknown", summary.unknown), ("from the journal", summary.from_journal)]
