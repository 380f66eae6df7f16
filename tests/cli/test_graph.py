"""`fibonacci graph`: diagrams of files, workflows and executions."""

from __future__ import annotations

import re
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from fibonacci import Fibonacci
from fibonacci.cli.main import main
from fibonacci.emulator import Emulator
from tests.cli.definitions import FAULTY, GREETER, write
from tests.cli.invocation import TextStream, invoke

pytestmark = pytest.mark.usefixtures("folder")

DEFINITION = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
MERMAID = 'flowchart TD\n    n0("greet<br/>llm")\n'


def test_mermaid_goes_to_stdout() -> None:
    write("greeter.yaml", GREETER)
    assert invoke("graph", "greeter.yaml") == (0, MERMAID, "")
    assert invoke("graph", "-", stdin=GREETER).out == MERMAID


def test_the_name_of_the_file_or_the_option_is_the_format() -> None:
    write("greeter.yaml", GREETER)
    for out, options, start in (
        ("g.mmd", (), b"flowchart TD\n"),
        ("g.svg", (), b"<svg "),
        ("g.mmd", ("--format", "svg"), b"<svg "),
        ("g", ("--format", "svg"), b"<svg "),
    ):
        assert invoke("graph", "greeter.yaml", "--out", out, *options) == (0, "", f"wrote {out}\n")
        assert Path(out).read_bytes().startswith(start)


@pytest.mark.usefixtures("font")
def test_png_goes_to_a_file_or_a_pipe() -> None:
    write("greeter.yaml", GREETER)
    assert invoke("graph", "greeter.yaml", "--out", "g.png") == (0, "", "wrote g.png\n")
    assert Path("g.png").read_bytes().startswith(b"\x89PNG\r\n")
    out = TextStream()
    with redirect_stdout(out):
        assert main(["graph", "greeter.yaml", "--format", "png"]) == 0
    out.seek(0)
    assert out.buffer.read(4) == b"\x89PNG"


def test_png_without_stdout_asks_for_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["graph", "greeter.yaml", "--format", "png"]) == 64
    assert capsys.readouterr().err == "fibonacci: PNG is binary: pass --out FILE, or redirect stdout without --json\n"


def test_a_definition_with_faults_is_drawn() -> None:
    write("bad.yaml", FAULTY)
    run = invoke("graph", "bad.yaml")
    assert (run.code, run.err) == (0, "bad.yaml has 2 errors: fibonacci validate lists them\n")
    assert "ask<br/>not a node of this workflow" in run.out


def test_a_workflow_and_a_version_of_it(platform: Emulator) -> None:
    with Fibonacci() as client:
        workflow = client.workflows.create(name="Greeter", definition=DEFINITION)
        client.workflows.update(workflow.id, definition={"nodes": [{**DEFINITION["nodes"][0], "id": "welcome"}]})
    now = invoke("graph", "Greeter").out
    assert "welcome<br/>llm" in now
    assert 'title: "Greeter"' in now
    assert invoke("graph", workflow.id).out == now
    assert "greet<br/>llm" in invoke("graph", "Greeter@1").out
    assert invoke("graph", "Greeter@9").code == 1


def test_an_execution_shows_its_states(platform: Emulator) -> None:
    with Fibonacci() as client:
        workflow = client.workflows.create(name="Greeter", definition=DEFINITION)
        other = client.workflows.create(name="Other", definition=DEFINITION)
        run = client.workflows.run(workflow.id, inputs={"name": "Ada"})
    by_execution = invoke("graph", "--execution", run.id)
    assert by_execution.code == 0
    assert re.search(r"greet<br/>llm<br/>completed", by_execution.out)
    assert invoke("graph", workflow.id, "--execution", run.id).out == by_execution.out
    assert invoke("graph", other.id, "--execution", run.id) == (
        64,
        "",
        f"fibonacci: {run.id} is an execution of {workflow.id}, not of {other.id}\n",
    )
