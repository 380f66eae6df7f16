"""What CI reads of the output of the command is none of a model's making, and what programs read stays as it is."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from fibonacci._texts.text import printable
from fibonacci.cli.debug_log import LogFormatter
from fibonacci.cli.standard_streams import without_commands
from fibonacci.emulator import Emulator
from tests.cli.invocation import invoke
from tests.kit.assertions import each_row

VARIABLES = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")
HOSTILE = "::set-env name=PATH::/tmp\n  ::add-mask::x\r::error::y ##[command]a ##vso[task.setvariable]b ##teamcity[c]"


def commands_in(text: str) -> list[str]:
    """Return what GitHub, Azure or TeamCity would carry out."""
    lines = text.replace("\r", "\n").split("\n")
    found = [line for line in lines if line.lstrip().startswith("::")]
    return found + [mark for mark in ("##[", "##vso[", "##teamcity[") if mark in text.lower()]


@each_row(
    ("text", "shown"),
    [
        ("::a::b", "\\x3a:a::b"),
        ("x\n \t::a::b", "x\n \t\\x3a:a::b"),
        ("###[a]", "##\\x23[a]"),
        ("##VSO[a]", "#\\x23VSO[a]"),
        *((text, text) for text in ("std::vector", "a ::b", "## Title", "# [x]", "fibonacci: a::b")),
    ],
)
def test_what_is_escaped(text: str, shown: str) -> None:
    assert without_commands(text) == without_commands(shown) == shown


@pytest.mark.parametrize("variable", ["GITHUB_ACTIONS", None])
def test_the_output_holds_no_command_of_a_model(
    variable: str | None, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, "true")
    nodes = [{"id": "greet", "type": "llm", "name": HOSTILE, "instruction": HOSTILE}]
    created = emulator.client().workflows.create(name="Hostile", description=HOSTILE, definition={"nodes": nodes})
    emulator.llm(lambda _: HOSTILE)
    for arguments in (("run", "Hostile"), ("run", "Hostile", "--json"), ("workflows", "get", created.id)):
        run = invoke(*arguments)
        assert HOSTILE in json.dumps(run.data, ensure_ascii=False).replace("\\n", "\n").replace("\\r", "\r")
        assert commands_in(run.out + run.err) == []
    emulator.fail("GET /tools", status=400, body={"error": {"code": "x", "message": HOSTILE}}, times=2)
    for arguments in (("tools", "list"), ("tools", "list", "--debug")):
        failed = invoke(*arguments)
        assert failed.code != 0
        assert commands_in(failed.out + failed.err) == []
    shown = invoke("workflows", "get", created.id, on_terminal=True)
    assert "set-env" in shown.out
    assert commands_in(shown.out) == []
    record = logging.LogRecord("fibonacci", logging.WARNING, "", 1, "%s", (HOSTILE,), None)
    record.exc_text = f"RuntimeError: \x1b]0;{HOSTILE}"
    logged = LogFormatter("%(message)s").format(record)
    assert commands_in(logged) == []
    assert printable(logged) == logged
    # A text that is the data is as it is, unless CI reads it; redirected to a file, it is never changed.
    Path("flow.json").write_text(json.dumps({"name": "x", "description": HOSTILE, "nodes": nodes}))
    shown = invoke("fmt", "-", stdin=Path("flow.json").read_text())
    assert shown.code == 0
    assert ("##[" in shown.out) == (variable is None)
    annotations = invoke("validate", "-", "--format", "github", stdin='{"nodes": [{"id": "a", "type": "llm"}]}').out
    assert annotations.startswith("::error ")
