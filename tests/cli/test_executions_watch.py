"""`fibonacci executions watch`, and `run --watch`: nodes as they go, and how many requests that takes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from fibonacci.cli.context import Context
from fibonacci.cli.following import NodeLines
from fibonacci.cli.main import command_parser, main
from fibonacci.cli.node_texts import one_line
from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from tests.cli.invocation import environment, invoke, use
from tests.cli.requests_by_minute import RequestsByMinute
from tests.kit.nodes import llm, tool
from tests.kit.pseudo_terminal import PseudoTerminal
from tests.kit.systems import linux_only
from tests.kit.terminal_screen import screen_lines

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

    def test_one_that_was_canceled_is_a_failure(self, emulator: Emulator) -> None:
        execution = started(emulator, 60)
        emulator.client().executions.cancel(execution.id)
        run = invoke("executions", "watch", execution.id, "--json")
        assert (run.code, run.data["status"]) == (1, "cancelled")
        assert run.err.splitlines()[-1].startswith(f"fibonacci: execution {execution.id} was canceled")

    def test_one_that_is_not_there(self) -> None:
        run = invoke("executions", "watch", "exec_none")
        assert (run.code, run.out) == (1, "")
        assert "404" in run.err
        assert "continues" not in run.err

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
        shown = NodeLines(lines.append)
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
        shown = NodeLines(lines.append)
        for count in (1, 1, 2):
            shown.update(Execution.model_validate({"id": "exec_1", "status": "running", "nodes_executed": count}))
        assert lines == ["execution exec_1 is running", "2 nodes done"]

    def test_a_text_of_the_platform_is_one_line(self) -> None:
        assert one_line("a\x07 \n b" + "c" * 300).startswith(r"a\x07 b")

    def test_the_table(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        from fibonacci.cli.node_table import NodeTable

        monkeypatch.setenv("COLUMNS", "60")
        trace = [{"id": "classify", "status": "completed"}, {"id": "[red]page", "status": "failed", "error": "x" * 90}]
        with NodeTable(no_color=True) as table:
            table.update(Execution.model_validate({"id": "exec_1", "status": "failed", "trace": trace}))
        lines = capsys.readouterr().err.splitlines()
        assert lines[0].startswith("execution exec_1  failed")
        assert any(line.startswith("[red]page") for line in lines), "an id is no markup"
        assert all(len(line) <= 60 for line in lines)

    def test_without_stderr_there_is_the_end_alone(
        self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        execution = started(emulator, 0)
        monkeypatch.setattr(sys, "stderr", None)
        assert main(["executions", "watch", execution.id, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["outputs"]["greet"] == "[default model] Hello"

    def test_without_rich_there_are_lines(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "fibonacci.cli.node_table", None)
        execution = started(emulator, 0)
        run = invoke("executions", "watch", execution.id, "--json")
        assert run.err.startswith("greet  completed")


@pytest.mark.slow
@linux_only
def test_ctrl_z_leaves_a_cursor_and_the_table_is_drawn_again(emulator: Emulator, tmp_path: Path) -> None:
    execution = started(emulator, 600)
    terminal, stopped = PseudoTerminal(columns=70), Event()
    end = terminal.descriptor
    command = [sys.executable, "-m", "fibonacci.cli", "executions", "watch", execution.id]
    env = {**environment(emulator, tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=env, process_group=0) as process:

        def go_on(output: str) -> None:
            if "running" in output and not stopped.is_set():
                stopped.set()
                process.send_signal(signal.SIGTSTP)
                assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
                process.send_signal(signal.SIGCONT)
                emulator.client().executions.cancel(execution.id)

        output = terminal.read(go_on)
    assert process.returncode == 1
    assert re.findall(r"\x1b\[\?25([hl])", output) == ["l", "h", "l", "h"], "hidden while it is drawn only"
    assert sum("node" in line and "time" in line for line in screen_lines(output)) == 2, (
        "the second one is below the first"
    )


def test_a_pipe_has_a_line_for_each_change_not_for_each_request(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    execution = started(emulator, 100)
    counts = RequestsByMinute(emulator)
    context = Context(command_parser().parse_args(["executions", "watch", execution.id]))
    context.client = emulator.client(clock=counts.clock)
    assert context.options.run(context) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) < sum(counts.minutes)
    assert all(line != following for line, following in pairwise(lines))
    assert lines[-1]["status"] == "completed"


def test_requests_a_minute_of_a_watch() -> None:
    """What the help and the docs state: a tenth of the limit, which is 6 on the Free plan."""
    emulator = Emulator(plan="free")
    execution = started(emulator, 600)
    counts = RequestsByMinute(emulator)
    emulator.client(clock=counts.clock).executions.wait(execution.id, timeout=None)
    assert 5 <= min(counts.minutes[:10]) <= max(counts.minutes) <= 6
