"""What is shown while many rows run: a bar on a terminal, else a line of the log each minute."""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fibonacci import JournalError, RunsBlocker, RunsSummary
from fibonacci._batch.estimate import BatchLimits
from fibonacci._batch.leaving import resume_note
from fibonacci._batch.progress import ProgressText
from tests.batch.limited_platform import platform
from tests.batch.workflows import run
from tests.kit.mode import Mode


class TestText:
    TEXT = ProgressText(began=0.0, total=20_000)
    LIMITS = BatchLimits("pro", rate=300, runs_per_hour=300, concurrency=20, duration=10.0)

    @pytest.mark.parametrize(
        ("total", "ended", "left", "limits", "now", "paused", "text"),
        [
            (20_000, 290, 19_700, LIMITS, 600.0, 0.0, "29.0 a minute, 66 h left (300 runs an hour)"),
            (20_000, 100, 100, BatchLimits(), 600.0, 0.0, "10.0 a minute, 10 min left"),
            (20_000, 0, 120, BatchLimits(rate=60.0, duration=0.0), 0.0, 0.0, "2 min left (60 requests a minute)"),
            (20_000, 0, 10, LIMITS, 0.0, 1800.0, "30 min left (20 runs at a time)"),
            (None, 100, 100, BatchLimits(), 600.0, 0.0, "10.0 a minute"),
        ],
    )
    def test_the_pace(
        self, total: int | None, ended: int, left: int, limits: BatchLimits, now: float, paused: float, text: str
    ) -> None:
        summary = RunsSummary(succeeded=ended, failed=0, unknown=0, from_journal=0, left=left)
        shown = ProgressText(0.0, total)
        assert shown.text(summary, shown.measured(summary, limits, now, 0.0, paused=paused)) == text

    def test_what_has_ended_and_what_blocks_the_rows(self) -> None:
        since = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
        blocker = RunsBlocker(reason="a quota is used up, " * 5, since=since, next_try_at=since + timedelta(minutes=30))
        summary = RunsSummary(succeeded=300, failed=8, unknown=2, from_journal=308, left=0, blocked_by=blocker)
        assert self.TEXT.text(summary, self.TEXT.measured(summary, self.LIMITS, 0.0, 0.0)) == (
            f"8 failed, 2 unknown, 308 from the journal, blocked until 10:30:00 UTC: {'a quota is used up, ' * 4}"
        )

    def test_the_line_of_the_log(self) -> None:
        summary = RunsSummary(succeeded=1_290, failed=8, unknown=2, from_journal=0, left=19_700)
        assert self.TEXT.line(summary, "text") == "1,298 of 20,000 rows have ended: text"
        assert ProgressText(0.0, None).line(summary, "") == "1,298 rows have ended"


def test_a_line_a_minute_without_a_terminal(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="fibonacci")
    here = platform(mode, time="manual")
    assert len(here.run(here.runs([100.0] * 9, concurrency=3, progress=True))) == 9
    lines = [message for message in caplog.messages if "rows have ended" in message]
    assert 4 <= len(lines) <= 7, "of five minutes"
    assert lines[0].startswith("0 of 9 rows have ended")
    assert lines[-1].startswith("9 of 9 rows have ended: ")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_counts_what_has_ended(mode: Mode, any_client: Any, rester: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the command looks at one on a pseudo-terminal."""
    monkeypatch.setattr("sys.stderr", terminal := _Terminal())
    rows: list[dict[str, float]] = [{"seconds": 0.0}, {}, {"seconds": 0.0}]
    assert len(run(mode, any_client.workflows.run_many(rester, rows, progress=True))) == 3
    last = terminal.getvalue().rpartition("\r")[2]
    assert "3/3" in last
    assert "1 failed" in last
    assert terminal.getvalue().endswith("\n"), "the bar is left as it is"


@pytest.mark.parametrize("can_continue", [True, False])
def test_the_same_call_is_advised_where_it_can_continue(can_continue: bool) -> None:
    summary = RunsSummary(succeeded=1, failed=0, unknown=0, from_journal=0, left=2)
    error = JournalError("journal runs.db is gone", path="runs.db", can_continue=can_continue)
    note = resume_note(summary, "runs.db", error, is_empty=False)
    assert ("make the same call again" in note) is can_continue
