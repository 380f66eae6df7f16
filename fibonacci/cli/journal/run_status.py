"""What a journal tells of its run: the counts, the pace that the run has noted, and why rows have failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from fibonacci._batch.progress import MOST_UNKNOWN
from fibonacci.errors import APIStatusError, ExecutionCancelledError, ExecutionFailedError, WaitTimeoutError
from fibonacci.models.run_results import UNKNOWN

if TYPE_CHECKING:
    from fibonacci import JournalView, RunResult, RunsProgress, RunsSummary

UNNAMED: Final = "another reason"
"""What failures are counted as beyond the most frequent reasons."""

_MOST_REASONS: Final = 5
_FAILED: Final = ("failed", "cancelled")
_LONGEST_REASON: Final = 160
# Reading takes at most this part of the time.
_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """How far the run of a journal has come.

    Attributes:
        journal: The path or URL of the journal, without a password.
        workflow_id: The id of the workflow.
        version: Its version, as a text; None where it is not known.
        is_running: Whether a run has the journal now.
        summary: How many rows have ended, and how many are under way.
        progress: What the run has noted of its pace; None if it has noted nothing.
        failures: How many rows have failed by each reason, the most frequent one first.
        unknown: The keys of the first rows of unknown outcome.
        read_at: When it was read.
    """

    journal: str
    workflow_id: str
    version: str | None
    is_running: bool
    summary: RunsSummary
    progress: RunsProgress | None
    failures: Sequence[tuple[str, int]]
    unknown: Sequence[str | int]
    read_at: datetime

    @property
    def ended(self) -> int:
        """How many rows have ended."""
        return self.summary.succeeded + self.summary.failed

    @property
    def under_way(self) -> int:
        """How many rows are in the journal, and have neither ended nor are unknown."""
        return self.summary.left

    @property
    def total(self) -> int | None:
        """The number of rows; None where the journal does not tell."""
        return None if self.progress is None else self.progress.total

    @property
    def left(self) -> int | None:
        """How many rows have not ended and are not unknown; None where the journal does not tell."""
        return None if self.total is None else max(self.under_way, self.total - self.ended - self.summary.unknown)

    @property
    def rows_per_minute(self) -> float | None:
        """How many rows end in a minute; None without a run."""
        return self.progress.rows_per_minute if self.progress is not None and self.is_running else None

    @property
    def bound_by(self) -> str | None:
        """The limit that binds; None where none does, and without a run."""
        return self.progress.bound_by if self.progress is not None and self.is_running else None

    @property
    def seconds_left(self) -> float | None:
        """The time left in seconds; None where it is not known, and without a run."""
        if self.progress is None or self.progress.seconds_left is None or not self.is_running:
            return None
        age = (self.read_at - self.progress.written_at).total_seconds()  # by the clocks of two machines, perhaps
        return max(0.0, self.progress.seconds_left - max(0.0, age))

    @property
    def paused_until(self) -> datetime | None:
        """Until when no row is started, because a quota is used up; None while rows are."""
        until = self.progress.paused_until if self.progress is not None and self.is_running else None
        return until if until is not None and until > self.read_at else None

    @property
    def facts(self) -> dict[str, Any]:
        """What has changed when something has happened, unlike what passes with the time."""
        shown = self.to_dict()
        return {name: shown[name] for name in shown if name not in ("rows_per_minute", "seconds_left")}

    def to_dict(self) -> dict[str, Any]:
        """Return the status as values of JSON."""
        return {
            "journal": self.journal,
            "workflow_id": self.workflow_id,
            "version": self.version,
            "is_running": self.is_running,
            "total": self.total,
            "succeeded": self.summary.succeeded,
            "failed": self.summary.failed,
            "unknown": self.summary.unknown,
            "under_way": self.under_way,
            "left": self.left,
            "rows_per_minute": None if self.rows_per_minute is None else round(self.rows_per_minute, 1),
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left),
            "bound_by": self.bound_by,
            "paused_until": None if self.paused_until is None else self.paused_until.isoformat(),
            "failures": [{"reason": reason, "rows": number} for reason, number in self.failures],
            "unknown_keys": list(self.unknown),
        }


FIELDS: Final = (
    *("journal", "workflow_id", "version", "is_running", "total", "succeeded", "failed", "unknown", "under_way"),
    *("left", "rows_per_minute", "seconds_left", "bound_by", "paused_until", "failures", "unknown_keys"),
)
"""The names in the JSON of a status."""


class StatusReader:
    """Reads the status of a journal again and again, and why rows have failed only when others have.

    Args:
        view: The journal.

    Attributes:
        rest: The seconds after which to read again at the earliest: a large journal takes a while.
    """

    def __init__(self, view: JournalView) -> None:
        self.rest: float = 0.0
        self._view = view
        self._failed = 0
        self._failures: Sequence[tuple[str, int]] = ()

    def read(self) -> RunStatus:
        """Return the present status.

        Raises:
            JournalError: If the journal cannot be read.
        """
        began = monotonic()
        status = self._read()
        self.rest = (monotonic() - began) / _SHARE
        return status

    def _read(self) -> RunStatus:
        view = self._view
        is_running = view.is_running  # first: what the run's last write has changed is read after it
        progress, summary = view.progress, view.summary
        unknown: Sequence[str | int] = ()
        if is_running and progress is not None:  # which of its requests have no response, a run alone knows at once
            unknown = progress.unknown_keys
            more = max(0, min(progress.unknown - summary.unknown, summary.left))
            summary = replace(summary, unknown=summary.unknown + more, left=summary.left - more)
        elif summary.unknown:
            unknown = [result.key for result in islice(view.rows(UNKNOWN), MOST_UNKNOWN)]
        if summary.failed != self._failed:
            self._failures, self._failed = _failures(view, summary.failed), summary.failed
        return RunStatus(
            journal=view.path,
            workflow_id=view.workflow_id,
            version=view.version,
            is_running=is_running,
            summary=summary,
            progress=progress,
            failures=self._failures,
            unknown=unknown,
            read_at=datetime.now(UTC),
        )


def reason_of(result: RunResult) -> str:
    """Return why a row has failed, in words that rows with the same reason share."""
    error = result.error
    if isinstance(error, WaitTimeoutError):
        return "timed out"
    if isinstance(error, ExecutionCancelledError):
        return "canceled"
    if isinstance(error, ExecutionFailedError):
        return _short(error.reason or "failed, for no reason that the platform tells")
    if isinstance(error, APIStatusError):
        return _short(f"{error.status_code} {error.code or ''}: {error.message}".replace(" :", ":"))
    return result.status if error is None else _short(f"{type(error).__name__}: {error}")


def _failures(view: JournalView, failed: int) -> Sequence[tuple[str, int]]:
    counts = Counter(reason_of(result) for status in _FAILED for result in view.rows(status))
    named = counts.most_common(_MOST_REASONS)
    rest = failed - sum(number for _, number in named)
    return [*named, (UNNAMED, rest)] if rest > 0 else named


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."
