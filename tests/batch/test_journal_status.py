"""`fibonacci journal status`: how far a run has come, by a look at its journal while it goes on."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import pytest

from fibonacci import (
    ConflictError,
    ExecutionFailedError,
    Fibonacci,
    FibonacciError,
    RunResult,
    RunsBlocker,
    RunsProgress,
    RunsSummary,
    WaitTimeoutError,
    read_journal,
)
from fibonacci._batch.estimate import BatchLimits
from fibonacci._batch.progress import ProgressText, note_of, progress_in
from fibonacci.cli.commands.journal import FIELDS, Status, reason_of, status_lines
from fibonacci.emulator import Emulator, LLMCall
from fibonacci.models import Execution
from tests.batch.command import EXECUTE
from tests.batch.journals import JournalPlace
from tests.batch.workflows import named
from tests.cli.invocation import environment, invoke
from tests.emulator.handling import wait_until
from tests.kit.pseudo_terminal import PseudoTerminal
from tests.kit.systems import linux_only
from tests.kit.terminal_screen import screen_lines

NOW = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
PROGRESS = RunsProgress(
    written_at=NOW - timedelta(seconds=30),
    total=20_000,
    rows_per_minute=29.84,
    seconds_left=236_430.0,
    bound_by="300 runs an hour",
    blocked_by=RunsBlocker(
        reason="a quota is used up: 300 runs an hour",
        since=NOW - timedelta(seconds=40),
        next_try_at=NOW + timedelta(minutes=12),
    ),
    unknown=2,
    unknown_keys=("a", 7),
)
STATUS: Status = {
    "journal": "mails.db",
    "workflow_id": "wf-1",
    "version": "3",
    "is_running": True,
    "total": 20_000,
    "succeeded": 290,
    "failed": 8,
    "unknown": 2,
    "under_way": 20,
    "left": 19_700,
    "rows_per_minute": 29.8,
    "seconds_left": 236_400,
    "bound_by": "300 runs an hour",
    "blocked_by": {
        "reason": "a quota is used up: 300 runs an hour",
        "since": "2026-01-01T09:59:20+00:00",
        "next_try_at": "2026-01-01T10:12:00+00:00",
    },
    "failures": [{"reason": "no\x1b[2J model", "rows": 7}, {"reason": "another reason", "rows": 1}],
    "unknown_keys": ["a", 7],
}


class HeldRun:
    """A run of twelve rows, three at a time: one of the first is unknown, one fails, one succeeds, the others wait.

    Args:
        emulator: The platform.
        client: Its client.
        workflow: The id of the workflow.
        journal: Where the journal is.
    """

    def __init__(self, emulator: Emulator, client: Fibonacci, workflow: str, journal: str) -> None:
        self.release = Event()
        self.error: FibonacciError | None = None
        self._run = (client, workflow, journal)
        emulator.llm(self._reply)
        emulator.fail(EXECUTE, kind="status", status=502, times=1)

    @contextmanager
    def going_on(self) -> Generator[None]:
        thread = Thread(target=self._go)
        thread.start()
        try:
            yield
        finally:
            self.release.set()
            thread.join()

    def _go(self) -> None:
        client, workflow, journal = self._run
        rows = named(*["Ada"] * 3, "bad", "Bob", *["Ada"] * 7)
        try:
            client.workflows.run_many(workflow, rows, journal=journal, concurrency=3, max_failures=9).results()
        except FibonacciError as error:
            self.error = error

    def _reply(self, call: LLMCall) -> str:
        if "bad" in call.instruction:
            raise TimeoutError("no answer in 30 s")
        if "Bob" not in call.instruction:
            self.release.wait(30)
        return "Hello"


@pytest.fixture
def held(
    emulator: Emulator, client: Fibonacci, greeter: str, place: JournalPlace, monkeypatch: pytest.MonkeyPatch
) -> HeldRun:
    monkeypatch.setattr("fibonacci._sync.batch.context._NOTED_EVERY", 0.05)
    monkeypatch.setattr("fibonacci._batch.concurrency._FIRST_BACKOFF", 0.05)
    return HeldRun(emulator, client, greeter, place.location)


def status_of(journal: str) -> dict[str, Any]:
    run = invoke("journal", "status", journal)
    assert (run.code, run.err) == (0, "")
    (status,) = run.lines
    return dict(status)


def status_when(journal: str, **expected: Any) -> dict[str, Any]:
    """Return the status once it has some values."""
    ends = monotonic() + 30
    while True:
        run = invoke("journal", "status", journal)
        status: dict[str, Any] = {} if run.code else run.lines[0]  # the journal may not be there yet
        if status.items() >= expected.items():
            return status
        assert monotonic() < ends, run
        sleep(0.1)


def test_beside_a_run(held: HeldRun, place: JournalPlace, greeter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fibonacci.cli.commands.journal._EVERY", 0.05)
    with held.going_on():
        status = status_when(place.location, unknown=1, succeeded=1, failed=1, under_way=3)
        assert (status["is_running"], status["total"], status["left"]) == (True, 12, 9)
        assert (status["workflow_id"], status["version"]) == (greeter, "1")
        assert status["unknown_keys"] in ([0], [1], [2])
        (failure,) = status["failures"]
        assert failure["rows"] == 1
        assert "no answer in 30 s" in failure["reason"]
        held.release.set()
        watched = invoke("journal", "status", place.location, "--watch")
    *before, last = watched.lines
    assert (watched.code, watched.err) == (0, "")
    assert all(each["is_running"] for each in before)
    assert all(one != other for one, other in pairwise(watched.lines))
    assert (last["is_running"], last["succeeded"], last["failed"], last["unknown"]) == (False, 10, 1, 1)
    assert (last["left"], last["rows_per_minute"], last["bound_by"]) == (0, None, None)
    assert last["unknown_keys"] == status["unknown_keys"]
    assert held.error is not None
    assert f"is unknown: {status['unknown_keys'][0]}." in str(held.error)
    array = invoke("journal", "status", place.location, "--watch", "--json", "--fields", "total,left")
    assert array.data == [{"total": 12, "left": 0}]
    wrong = invoke("journal", "status", place.location, "--fields", "lefd")
    assert (wrong.code, wrong.out) == (64, "")
    assert "Did you mean 'left'?" in wrong.err


@pytest.mark.slow
@linux_only
def test_a_watch_on_a_terminal_is_left_by_ctrl_c(held: HeldRun, place: JournalPlace, tmp_path: Path) -> None:
    terminal, interrupted = PseudoTerminal(columns=90), Event()
    end = terminal.descriptor
    command = [sys.executable, "-m", "fibonacci.cli", "journal", "status", place.location, "--watch"]
    env = {**environment(None, tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with held.going_on():
        status_when(place.location, unknown=1, failed=1, under_way=3)
        with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=env) as process:

            def is_asleep() -> bool:
                return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"

            def interrupt(output: str) -> None:
                if "why rows failed" in output and not interrupted.is_set():
                    interrupted.set()
                    wait_until(is_asleep)  # not while the picture is drawn, which is drawn again then
                    process.send_signal(signal.SIGINT)

            lines = [plain.strip() for plain in map(without_colors, screen_lines(terminal.read(interrupt)))]
        assert process.returncode == 130
        assert status_of(place.location)["is_running"], "the run goes on"
    assert lines[0].startswith("running  ")
    assert lines[1].endswith("2 of 12 rows ended, 17 %")
    assert any(line.startswith("unknown            1  rows ") for line in lines)
    assert lines[-1] == "fibonacci: interrupted. The run goes on"
    assert sum("why rows failed" in line for line in lines) == 1, "one picture, kept up to date"


def test_a_run_that_is_over_on_a_terminal(held: HeldRun, place: JournalPlace) -> None:
    held.release.set()
    with held.going_on():
        pass
    run = invoke("journal", "status", place.location, "--watch", "--no-color", on_terminal=True)
    assert run.out.splitlines()[1].endswith("  11 of 12 rows ended, 92 %")
    run = invoke("journal", "status", place.location, "--no-color", on_terminal=True)
    assert run.out.splitlines()[1].endswith("  11 of 12 rows ended, 92 %")


class TestLines:
    def test_a_run_that_waits_for_a_quota(self) -> None:
        lines = ["".join(text for text, _ in line) for line in status_lines(STATUS, 80, is_unicode=True)]
        full = "\N{FULL BLOCK}"
        assert lines == [
            "running  mails.db  wf-1, version 3",
            f"{lines[1].partition(' ')[0]}  298 of 20,000 rows ended, 1 %",
            "",
            "succeeded        290",
            "failed             8",
            "unknown            2  rows a, 7",
            "under way         20",
            "not begun     19,680",
            "",
            "rate         29.8 rows a minute",
            "bound by     300 runs an hour",
            "blocked      since 09:59:20 UTC, next try at 10:12:00 UTC: a quota is used up: \N{HORIZONTAL ELLIPSIS}",
            "time left    about 66 h",
            "",
            "why rows failed",
            r"                   7  no\x1b[2J model",
            "                   1  another reason",
        ]
        assert lines[1].count(full) == 0
        assert STATUS.keys() == {*FIELDS}

    def test_a_run_that_is_over(self) -> None:
        ended = {"succeeded": 19_990, "unknown": 12, "under_way": 0, "left": 0, "unknown_keys": list(range(10))}
        pace = dict.fromkeys(("rows_per_minute", "seconds_left", "bound_by", "blocked_by"))
        over = {**STATUS, **ended, **pace, "is_running": False, "failures": []}
        lines = ["".join(text for text, _ in line) for line in status_lines(over, 34, is_unicode=False)]
        assert lines == [
            "not running  mails.db  wf-1, ve...",
            "#########.  19,998 of 20,000 ro...",
            "",
            "succeeded     19,990",
            "failed             8",
            "unknown           12  rows 0, 1...",
            "not ended          0",
        ]

    def test_a_journal_without_a_note(self) -> None:
        bare = {**STATUS, "version": None, "total": None, "left": None}
        lines = ["".join(text for text, _ in line) for line in status_lines(bare, 80, is_unicode=True)]
        assert lines[:2] == ["running  mails.db  wf-1", "298 rows ended"]


class TestNote:
    def test_what_is_written_is_read(self) -> None:
        summary = RunsSummary(
            succeeded=290, failed=8, unknown=14, from_journal=0, left=5, blocked_by=PROGRESS.blocked_by
        )
        keys = ["a", '"7"', *map(str, range(12))]
        limits = BatchLimits(runs_per_hour=1)
        written = ProgressText(0.0, 20).measured(summary, limits, 600.0, NOW.timestamp(), unknown=keys)
        progress = progress_in(note_of(written))
        assert progress == written
        assert progress is not None
        assert (progress.written_at, progress.blocked_by) == (NOW, PROGRESS.blocked_by)
        assert (progress.total, progress.bound_by, progress.unknown) == (20, "1 runs an hour", 14)
        assert progress.unknown_keys == ("a", "7", *range(8))

    @pytest.mark.parametrize(
        "note",
        [
            *(None, "", "[", b"\xff", "[1, 2]", "{}", "7"),
            note_of(PROGRESS).replace('"unknown":', '"other":'),
            note_of(PROGRESS)[:-1],
        ],
    )
    def test_a_damaged_one_is_none(self, note: str | bytes | None) -> None:
        assert progress_in(note) is None

    def test_a_view_has_it(self, client: Fibonacci, greeter: str, place: JournalPlace) -> None:
        client.workflows.run_many(greeter, named("Ada", "Bob"), journal=place.location, max_rows=1).results()
        with read_journal(place.location) as view:
            assert view.progress is not None
            assert (view.progress.total, view.progress.unknown) == (2, 0)


def test_rows_that_fail_alike_have_one_reason() -> None:
    execution = Execution.model_validate({"id": "exec_1", "status": "failed"})
    errors = [
        WaitTimeoutError("not ended", execution=execution),
        ExecutionFailedError("failed", execution=execution, reason="no\nmodel " + "x" * 200),
        FibonacciError("odd"),
    ]
    results = [RunResult(index=0, key=0, inputs={}, execution=None, error=error, status="failed") for error in errors]
    assert [reason_of(each) for each in results] == ["timed out", f"no model {'x' * 151}...", "FibonacciError: odd"]
    conflict = ConflictError("in use", code="conflict")
    conflict.status_code = 409
    assert reason_of(replace(results[0], error=conflict)) == "409 conflict: in use"


def without_colors(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)
