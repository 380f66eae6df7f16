"""A platform whose reads lag behind its writes: an execution that was just started is a 404 for a while."""

from __future__ import annotations

import json
import logging
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fibonacci import RunResult, UnknownOutcomeError, WaitTimeoutError
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode, both_modes
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import error_body, respond, respond_json


class LaggingPlatform:
    """Executions that can be read only some time after their start.

    Args:
        lag: That time, in seconds.
        duration: How long an execution takes, in seconds.
        broken: The ID of an execution that can never be read.
    """

    def __init__(self, lag: float, duration: float = 1.0, broken: str = "") -> None:
        self.lag = lag
        self._duration = duration
        self._broken = broken
        self.clock = FakeClock(runs=True)
        self.started: dict[str, float] = {}
        self.rows: Counter[int] = Counter()

    def __call__(self, peer: Peer) -> object:
        request = peer.request
        name = request.path.rpartition("/")[2]
        if request.method == "POST":
            self.rows[json.loads(request.body)["inputs"]["n"]] += 1
            execution_id = f"exec_{len(self.started) + 1}"
            self.started[execution_id] = self.clock.monotonic()
            return respond_json({"data": {"execution_id": execution_id, "status": "running"}})(peer)
        if name == "executions":
            readable = [each for each in reversed(self.started) if self._is_readable(each)]
            listed = [self._shown(each) for each in readable if not self._broken]
            return respond_json({"data": {"executions": listed}})(peer)
        if not name.startswith("exec_"):
            return respond_json({"data": {"id": name, "version": 1}})(peer)
        if name == self._broken:
            return respond(500, error_body())(peer)
        if not self._is_readable(name):
            return respond(404, error_body("not_found"))(peer)
        return respond_json({"data": self._shown(name)})(peer)

    def _is_readable(self, execution_id: str) -> bool:
        return self.clock.monotonic() >= self.started[execution_id] + self.lag

    def _shown(self, execution_id: str) -> dict[str, Any]:
        if self.clock.monotonic() < self.started[execution_id] + self._duration:
            return {"execution_id": execution_id, "status": "running"}
        return {"execution_id": execution_id, "status": "completed", "outputs": {"of": execution_id}}


def run(mode: Mode, platform: LaggingPlatform, rows: int, **options: Any) -> tuple[list[RunResult], str]:
    """Run rows, and return their results, those of unknown outcome included, and the summary."""
    results: list[RunResult] = []
    with ScriptedServer(platform) as server:
        client = mode.client_of(server, max_retries=0, clock=platform.clock)
        runs = client.workflows.run_many("wf-1", [{"n": number} for number in range(rows)], **options)
        with suppress(UnknownOutcomeError):
            mode.each(runs, results.append)
    return results, str(runs.summary)


@both_modes
@pytest.mark.parametrize("has_journal", [True, False])
def test_rows_are_read_until_they_can_be(has_journal: bool, mode: Mode, tmp_path: Path) -> None:
    platform = LaggingPlatform(lag=3.0)
    for _ in range(2 if has_journal else 1):
        journal = tmp_path / "runs.db" if has_journal else None
        results, _ = run(mode, platform, 8, concurrency=8, journal=journal, retry_failed=has_journal)
        assert Counter(result.status for result in results) == {"completed": 8}
    assert platform.rows == dict.fromkeys(range(8), 1)


def test_rows_that_cannot_be_read_in_time_are_unknown_and_a_later_call_looks_again(mode: Mode, tmp_path: Path) -> None:
    platform = LaggingPlatform(lag=100.0)
    options = {"concurrency": 8, "journal": tmp_path / "runs.db", "timeout": 20.0, "retry_failed": True}
    results, summary = run(mode, platform, 8, **options)
    assert {(result.status, type(result.error), result.is_final) for result in results} == {
        ("unknown", WaitTimeoutError, False)
    }
    assert summary == "0 succeeded, 0 failed, 8 unknown, 0 left (0 from the journal)"
    results, summary = run(mode, platform, 8, **options)
    assert {result.status for result in results} == {"unknown"}, "these ids came from the journal"
    platform.clock.advance(100.0)
    results, summary = run(mode, platform, 8, **options)
    assert {result.status for result in results} == {"completed"}
    assert summary == "8 succeeded, 0 failed, 0 unknown, 0 left (0 from the journal)"
    assert platform.rows == dict.fromkeys(range(8), 1)


def test_rows_that_cannot_be_read_in_time_leave_their_places_to_others(mode: Mode) -> None:
    platform = LaggingPlatform(lag=1000.0)
    began = platform.clock.monotonic()
    results, _ = run(mode, platform, 4, concurrency=2, timeout=20.0)
    assert [result.status for result in results] == ["unknown"] * 4
    assert platform.rows == dict.fromkeys(range(4), 1)
    assert platform.clock.monotonic() - began < 60


def test_one_execution_that_cannot_be_read_is_no_outage(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="fibonacci")
    results, _ = run(mode, LaggingPlatform(lag=0.0, duration=10.0, broken="exec_2"), 4, concurrency=4, timeout=20.0)
    assert Counter(result.status for result in results) == {"completed": 3, "running": 1}
    assert len(caplog.messages) == 1, "when it is alone"
