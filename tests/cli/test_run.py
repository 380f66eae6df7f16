"""`fibonacci run`: inputs that are checked first, outputs on stdout, the reason of a failure, Ctrl-C."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from fibonacci.testing import make_execution
from tests.cli.invocation import check_refused, environment, invoke, use
from tests.kit.nodes import llm, tool
from tests.kit.systems import needs_signals

EXECUTE = "POST /workflows/{workflow_id}/execute"
GREET = {"nodes": [llm("greet", "Greet {{input.name}}")]}
REST = {"nodes": [llm("greet", "Hello"), tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}


@pytest.fixture(autouse=True)
def platform(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, emulator, tmp_path)


def create(emulator: Emulator, definition: dict[str, Any], name: str = "Greeter") -> str:
    return emulator.client().workflows.create(name=name, definition=definition).id


class TestOutputs:
    def test_the_outputs_of_a_workflow_by_id_or_name(self, emulator: Emulator) -> None:
        for number, reference in enumerate((create(emulator, GREET), "Greeter"), 1):
            run = invoke("run", reference, "--input", "name=Ada", "--fields", "outputs")
            assert (run.code, run.err, run.data) == (0, "", {"outputs": {"greet": "[default model] Greet Ada"}})
            assert emulator.requests.to(EXECUTE).count == number

    def test_the_execution_has_one_shape_in_a_pipe_and_less_on_a_terminal(self, emulator: Emulator) -> None:
        create(emulator, GREET)
        command = ("run", "Greeter", "--input", "name=Ada", "--idempotency-key", "one-run")
        piped = invoke(*command)
        id = piped.data["id"]
        fields = [*make_execution(id="exec_1").to_dict()]
        assert (piped.code, piped.err, list(piped.data)[: len(fields)]) == (0, "", fields)
        assert (fields[0], piped.data["outputs"]) == ("id", {"greet": "[default model] Greet Ada"})
        for option in ("--json", "--detach", "--watch"):
            assert list(invoke(*command, option).data)[: len(fields)] == fields
        for options in ((), ("--detach",)):
            terminal = invoke(*command, *options, "--no-color", on_terminal=True)
            assert (terminal.code, terminal.err) == (0, "")
            assert terminal.out.startswith(f"id: {id}\nstatus: completed\noutputs:\n  {{\n")
            assert terminal.out.endswith("\n  }\n")

    def test_a_failure_is_its_reason_in_a_line(self, emulator: Emulator) -> None:
        create(emulator, {"nodes": [llm("one", "x"), tool("broken", "wait", {"seconds": "many"})]})
        run = invoke("run", "Greeter")
        assert (run.code, run.data["status"]) == (1, "failed")
        assert re.fullmatch(
            r"fibonacci: execution exec_\w+ failed at node 'broken': the tool wait needs seconds.*\n", run.err
        )

    def test_a_run_that_takes_longer_continues(self, emulator: Emulator) -> None:
        create(emulator, REST)
        run = invoke("run", "Greeter", "--input", "seconds:=60", "--timeout", "0.2")
        assert (run.code, run.out) == (75, "")
        execution_id = emulator.client().executions.list().first()
        assert execution_id is not None
        started, text = run.err.splitlines()
        assert started == f"execution {execution_id.id} is running"
        assert text.endswith(f"The execution keeps running. To follow it: fibonacci executions watch {execution_id.id}")

    def test_a_run_that_waits_for_approval_says_what_to_do(self, emulator: Emulator) -> None:
        create(emulator, {"nodes": [tool("mail", "gmail_send", {"to": "a@b.c", "subject": "x", "body": "y"})]})
        emulator.client().organizations.governance.update("default", require_approval_for_external_comm=True)
        for option in (("--timeout", "0.2"), ("--detach",)):
            run = invoke("run", "Greeter", *option)
            assert run.code == (75 if len(option) == 2 else 0)
            assert re.match(r"execution exec_\w+ waits for approval: it runs once an admin or owner approves", run.err)
            assert ("The execution still waits for approval. To follow it" in run.err) is (len(option) == 2)


class TestFiles:
    TEXT = "name: Quiz\nnodes:\n- {id: ask, type: llm, instruction: 'Ask about {{input.topic}}'}\n"

    def test_the_workflow_of_a_file_is_created_updated_or_left_and_then_run(
        self, emulator: Emulator, tmp_path: Path
    ) -> None:
        file = tmp_path / "quiz.yaml"
        workflows = emulator.client().workflows
        timed = f"{self.TEXT}timeout: 9\n"
        for text, done in ((self.TEXT, "created"), (self.TEXT, "left as it is"), (timed, "updated")):
            file.write_text(text, "utf-8")
            run = invoke("run", str(file), "--input", "topic=tides", "--fields", "outputs.ask")
            workflow = workflows.find("Quiz")
            assert workflow is not None
            assert (run.code, run.data) == (0, {"outputs.ask": "[default model] Ask about tides"})
            assert run.err == f"workflow 'Quiz' ({workflow.id}) was {done}\n"
        assert [each.version for each in workflows.list()] == [2]

    def test_a_file_or_inputs_that_cannot_be_used_change_nothing(self, emulator: Emulator, tmp_path: Path) -> None:
        (tmp_path / "bad.yaml").write_text("nodes: [{id: a, type: llmx}]\n", "utf-8")
        (tmp_path / "quiz.yaml").write_text(self.TEXT, "utf-8")
        for name, text in (
            ("bad.yaml", "is not a type of node"),
            ("none.yaml", "none.yaml: No such file"),
            ("quiz.yaml", "inputs.topic: it is missing, but used by node 'ask'"),
        ):
            run = invoke("run", str(tmp_path / name))
            assert (run.code, run.out) == (64, "")
            assert text in run.err
        assert len(emulator.requests) == 0


class TestNeverTwice:
    def test_a_run_of_unknown_outcome_is_not_sent_again(self, emulator: Emulator) -> None:
        workflow_id = create(emulator, GREET)
        emulator.fail(EXECUTE, status=502)
        run = invoke("run", "Greeter", "--input", "name=Ada", "--idempotency-key", "key-1")
        assert (run.code, run.out) == (75, "")
        assert "idempotency key: key-1" in run.err
        assert run.err.endswith(
            ". The execution may have been started. To find out whether it was started: fibonacci executions list"
            f" --workflow {workflow_id}\n"
        )
        assert emulator.requests.to(EXECUTE).count == 1

    def test_the_key_of_the_command_line_is_sent(self, emulator: Emulator) -> None:
        create(emulator, GREET)
        first, second = (
            invoke("run", "Greeter", "--input", "name=Ada", "--json", "--idempotency-key", "key-1") for _ in range(2)
        )
        assert first.data["id"] == second.data["id"]


def test_a_fault_is_a_line_and_nothing_is_started(emulator: Emulator) -> None:
    for name in ("Greeter", "Twice", "Twice"):
        create(emulator, GREET, name)
    check_refused(
        {
            "run Greeter": "fibonacci: inputs.name: it is missing, but used by node 'greet'",
            "run Greeter --input nmae=Ada": "inputs.nmae: there is no such input. Did you mean 'name'?",
            'run Greeter --inputs \'{"name": "Ada", "x": 1}\'': "inputs.x: there is no such input: the inputs are name",
            "run Greeter --inputs []": """--inputs: the inputs must be a JSON object such as {"name": "Ada"}, but""",
            "run Greeter --inputs - --input name=@-": "stdin can be read only once: use it in --inputs or in one",
            "run Greeter --input name": "argument --input: 'name' is neither NAME=TEXT nor NAME:=JSON",
            "run Greeter --input name:=Ada": "name: the argument is not JSON (line 1, column 1: Expecting value)",
            "run Greeter --input name=@no.txt": "name: no.txt: No such file or directory. For a string that begins",
            "run Twice": "2 workflows have the name 'Twice'",
            "run Nobody": "no workflow has the id or the name 'Nobody'\n",
            "run Greter": "no workflow has the id or the name 'Greter'. Did you mean 'Greeter'?\n",
            "executions list --workflow Greter": "no workflow has the id or the name 'Greter'. Did you mean 'Greeter'?",
            "workflows delete Twice --yes": "2 workflows have the name 'Twice'",
        },
        stdin="{}",
    )
    assert emulator.requests.to(EXECUTE).count == 0


def test_inputs_from_files_and_stdin(emulator: Emulator, tmp_path: Path) -> None:
    create(emulator, {"nodes": [llm("a", "{{input.text}} {{input.number}} {{input.mail}} {{input.list}}")]})
    (tmp_path / "all.json").write_text('{"text": "overridden", "number": 1}')
    (tmp_path / "list.json").write_text("[1]")
    run = invoke(
        *("run", "Greeter", "--inputs", f"@{tmp_path / 'all.json'}", "--input", "text=a=b", "--input", "mail=@-"),
        *("--input", f"list:=@{tmp_path / 'list.json'}"),
        stdin="Dear",
    )
    assert run.data["outputs"] == {"a": "[default model] a=b 1 Dear [1]"}


@needs_signals
@pytest.mark.slow
def test_an_interruption_says_how_to_go_on(emulator: Emulator, tmp_path: Path) -> None:
    create(emulator, REST)
    command = [sys.executable, "-W", "error", "-m", "fibonacci.cli", "run", "Greeter", "--input", "seconds:=60"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=environment(emulator, tmp_path), stdout=pipe, stderr=pipe, text=True)
    with process:
        assert process.stderr is not None
        execution_id = process.stderr.readline().split()[1]  # it is running
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err == (
        "fibonacci: interrupted. The execution keeps running. "
        f"To follow it: fibonacci executions watch {execution_id}\n"
    )
    assert json.loads(invoke("request", "GET", f"/executions/{execution_id}").out)["status"] == "running"
