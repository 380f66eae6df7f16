"""Outputs that the list of executions does not give are read, again where that fails."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fibonacci import RunResult
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import error_body, respond, respond_json

IDS = ("exec_1", "exec_2")


class BriefPlatform:
    """Its list of executions has no outputs, and the first request for those of each fails.

    Args:
        status: The status of these failures.
    """

    def __init__(self, status: int) -> None:
        self._status = status
        self._started: list[str] = []
        self.reads: Counter[str] = Counter()

    def __call__(self, peer: Peer) -> object:
        request = peer.request
        name = request.path.rpartition("/")[2]
        if request.method == "POST":
            self._started.append(f"exec_{len(self._started) + 1}")
            return respond_json({"data": {"execution_id": self._started[-1], "status": "running"}})(peer)
        if name == "executions":
            brief = [{"execution_id": each, "status": "completed"} for each in self._started]
            return respond_json({"data": {"executions": brief}})(peer)
        if name not in IDS:
            return respond_json({"data": {"id": "wf-1", "version": 1}})(peer)
        self.reads[name] += 1
        if self.reads[name] == 1:
            return respond(self._status, error_body())(peer)
        return respond_json({"data": {"execution_id": name, "status": "completed", "outputs": {"of": name}}})(peer)


def run(mode: Mode, platform: BriefPlatform, journal: Path) -> list[RunResult]:
    results: list[RunResult] = []
    with ScriptedServer(platform) as server:
        client = mode.client_of(server, max_retries=0, clock=FakeClock(runs=True))
        rows: list[Any] = [{}, {"n": 1}]
        mode.each(client.workflows.run_many("wf-1", rows, concurrency=2, journal=journal), results.append)
    return results


@pytest.mark.parametrize("status", [503, 404])
def test_a_read_that_fails_is_repeated(status: int, mode: Mode, tmp_path: Path) -> None:
    platform = BriefPlatform(status)
    for _ in range(2):  # the second time from the journal
        results = run(mode, platform, tmp_path / "runs.db")
        assert {result.outputs["of"] for result in results} == set(IDS)
    assert platform.reads == {"exec_1": 2, "exec_2": 2}
