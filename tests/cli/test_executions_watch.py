"""`fibonacci executions watch`, and `run --watch`: nodes as they go, and how many requests that takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fibonacci.cli.following import ProgressLines
from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from tests.cli.invocation import invoke, use
from tests.kit.nodes import llm, tool

REST = {
    "nodes": [
        llm("greet", "Hello"),
        {**tool("rest", "wait", {"seconds": "{{input.seconds}}"}), "dependencies": ["greet"]},
    ]
}


@pytest.fixture(autouse=True)
def environment_of_the_emulator(monkeypatch: pytest.MonkeyPatch, emulator: Emulator, tmp_path: Path) -> None:
    use(monkeypatch, emulator, tmp_path)


def started(emulator: Emulator, seconds: float, nodes: dict[str, Any] = REST) -> Execution:
    client = emulator.client()
    workflow = client.workflows.create(name="Rester", definition=nodes)
    return client.workflows.execute(workflow.id, inputs={"seconds": seconds})


class TestEnds:
    def test_an_execution_that_has_completed(self, emulator: Emulator) -> None:
        execution = started(emulator, 0)
        run = invoke("executions", "watch", execution.id)
        assert (run.code, run.err) == (0, "")
        (state,) = run.lines  # a line of JSON for each state
        assert (state["status"], [node["id"] for node in state["trace"]]) == ("completed", ["greet", "rest"])

    def test_a_limit_to_the_wait(self, emulator: Emulator) -> None:
        execution = started(emulator, 60)
        run = invoke("executions", "watch", execution.id, "--timeout", "0.1")
        assert (run.code, run.lines[0]["status"]) == (75, "running")
        assert run.err.endswith(f"To follow it: fibonacci executions watch {execution.id}\n")


class TestNodes:
    def test_run_watched_by_a_program_and_by_a_person(
        self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        emulator.client().workflows.create(name="Rester", definition=REST)
        run = invoke("run", "Rester", "--input", "seconds:=0", "--watch")
        assert [each["status"] for each in run.lines] == ["completed"]
        run = invoke("run", "Rester", "--input", "seconds:=0", "--watch", "--json")
        assert (run.data["status"], run.err) == ("completed", "greet  completed  0.0 s\nrest  completed  0.0 s\n")

    def test_a_line_for_each_change(self) -> None:
        lines: list[str] = []
        shown = ProgressLines(lines.append, has_nodes=True)
        node = {"id": "rest", "status": "running", "attempts": 1}
        for status, trace in (
            ("running", [node]),
            ("running", [node]),
            ("failed", [{**node, "status": "failed", "attempts": 2, "error": "no\x1b[2J\nwork"}]),
        ):
            shown.update(Execution.model_validate({"id": "exec_1", "status": status, "trace": trace}))
        assert lines == ["execution exec_1 is running", "rest  running", r"rest  failed  attempt 2: no\x1b[2J work"]

    def test_a_platform_without_traces_has_counts(self) -> None:
        lines: list[str] = []
        shown = ProgressLines(lines.append, has_nodes=True)
        for count in (1, 1, 2):
            shown.update(Execution.model_validate({"id": "exec_1", "status": "running", "nodes_executed": count}))
        assert lines == ["execution exec_1 is running", "2 nodes done"]
