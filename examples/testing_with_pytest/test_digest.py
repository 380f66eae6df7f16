"""Tests of the application, with the fixtures of the SDK's pytest plugin. Run `pytest` in this folder."""

from __future__ import annotations

import subprocess
import sys

from digest import digest, summary

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.testing import make_execution

SUM = {"id": "sum", "type": "llm", "instruction": "Sum up {{input.topic}}"}


def test_a_line_for_each_topic(fibonacci_client: Fibonacci) -> None:
    workflow = fibonacci_client.workflows.create(name="Digest", definition={"nodes": [SUM]})
    lines = digest(fibonacci_client, workflow.id, ["the moon", "tides"])
    assert list(lines) == ["the moon", "tides"]
    assert "Sum up tides" in lines["tides"]


def test_a_failed_run_is_reported(fibonacci_client: Fibonacci) -> None:
    nodes = [{"id": "sum", "type": "llm", "instruction": "{{input.headline}}"}]
    workflow = fibonacci_client.workflows.create(name="Digest", definition={"nodes": nodes})
    lines = digest(fibonacci_client, workflow.id, ["tides"])
    failed = fibonacci_client.executions.list(status="failed").first()
    assert failed is not None
    assert lines == {"tides": f"failed: {failed.id}"}


def test_one_run_for_each_topic(fibonacci_emulator: Emulator, fibonacci_client: Fibonacci) -> None:
    workflow = fibonacci_client.workflows.create(name="Digest", definition={"nodes": [SUM]})
    digest(fibonacci_client, workflow.id, ["the moon", "tides"])
    runs = fibonacci_emulator.requests.to("POST /workflows/{id}/execute")
    assert [run.json for run in runs] == [{"inputs": {"topic": topic}} for topic in ("the moon", "tides")]


def test_a_run_of_minutes_with_a_skipping_clock() -> None:
    pause = {"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": 300}}
    client = Emulator(time="skip").client()
    nodes = [pause, {**SUM, "dependencies": ["pause"]}]
    workflow = client.workflows.create(name="Digest", definition={"nodes": nodes})
    assert "Sum up tides" in digest(client, workflow.id, ["tides"])["tides"]


def test_a_summary_of_a_made_execution() -> None:
    assert summary(make_execution(outputs={"sum": "Two\nlines"})) == "Two lines"
    assert summary(make_execution(outputs={})) == "nothing"


if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", __file__]
    sys.exit(subprocess.call(command))  # prints: 5 passed in ...
