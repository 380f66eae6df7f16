"""What crosses processes: results and summaries without the API key; the runs themselves do not."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from fibonacci import ExecutionFailedError, RunResult, UnknownOutcomeError
from fibonacci.emulator import Emulator
from tests.batch.workflows import client_in_process
from tests.kit.mode import Mode
from tests.kit.nodes import tool

EXECUTE = "POST /workflows/{workflow_id}/execute"
DEFINITION = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}
ROWS = [{"id": 0, "seconds": 0}, {"id": 1, "seconds": "x"}, {"id": 2, "seconds": {0}}, {"id": 3, "seconds": 60}]


@pytest.fixture
def runs(mode: Mode, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
    monkeypatch.setattr("fibonacci._batch.concurrency._FIRST_BACKOFF", 0.05)  # after a failure, real time passes
    with emulator.client() as client:
        workflow_id = client.workflows.create(name="rester", definition=DEFINITION).id
    client = client_in_process(mode, emulator, max_retries=0)
    return client.workflows.run_many(workflow_id, ROWS, key="id", timeout=0.2, concurrency=1)


def results_of(mode: Mode, runs: Any) -> list[RunResult]:
    """Run the rows, in one of which the platform echoes the key; return the results, the unknown one included."""
    found: list[RunResult] = []
    with pytest.raises(UnknownOutcomeError) as caught:
        mode.each(runs, found.append)
    (unknown,) = pickle.loads(pickle.dumps(caught.value)).results
    assert unknown.status == "unknown"
    return found


def test_results_and_summary_cross_without_the_key(mode: Mode, emulator: Emulator, runs: Any) -> None:
    echo = {"error": {"code": "broken", "message": f"no worker for {emulator.api_key}"}}
    emulator.fail(EXECUTE, status=502, body=echo, times=1)
    results = results_of(mode, runs)
    packed = pickle.dumps(results)
    assert emulator.api_key.encode() not in packed
    read = sorted(pickle.loads(packed), key=lambda each: each.index)
    assert [(each.key, each.status, type(each.error).__name__) for each in read] == [
        (0, "unknown", "ServerError"),
        (1, "failed", "ExecutionFailedError"),
        (2, "failed", "TypeError"),
        (3, "running", "WaitTimeoutError"),
    ]
    failed = read[1]
    assert isinstance(failed.error, ExecutionFailedError)
    assert failed.error.execution == failed.execution
    for each in (runs.summary, mode.run(runs.estimate())):
        packed = pickle.dumps(each)
        assert emulator.api_key.encode() not in packed
        assert pickle.loads(packed) == each


def test_runs_do_not_cross_and_say_what_to_do(mode: Mode, emulator: Emulator, runs: Any) -> None:
    with pytest.raises(TypeError, match=r"cannot be pickled, because .* Call run_many in the process") as caught:
        pickle.dumps(runs)
    assert emulator.api_key not in str(caught.value)
