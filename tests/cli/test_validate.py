"""`fibonacci validate`: every fault, with its place."""

from __future__ import annotations

import pytest

from tests.cli.definitions import FAULTS, FAULTY, GREETER, OLD_WORDS, write
from tests.cli.invocation import invoke

pytestmark = pytest.mark.usefixtures("folder")


def test_every_fault_is_a_line_that_editors_read() -> None:
    write("bad.yaml", FAULTY)
    assert invoke("validate", "bad.yaml") == (64, FAULTS, "1 file: 2 errors, 1 warning\n")


def test_json_has_the_parts_of_each_fault() -> None:
    write("bad.yaml", FAULTY)
    run = invoke("validate", "bad.yaml", "--json")
    assert (run.code, len(run.data)) == (64, 3)
    assert run.data[2] == {
        "file": "bad.yaml",
        "line": 7,
        "column": 18,
        "severity": "error",
        "code": "unknown_dependency",
        "message": "depends on 'ask', which is not a node",
        "location": "nodes[0].dependencies[0]",
    }


def test_faults_as_annotations_of_github() -> None:
    write("bad.yaml", FAULTY)
    lines = invoke("validate", "bad.yaml", "--format", "github").out.splitlines()
    assert lines[2] == (
        "::error file=bad.yaml,line=7,col=18,title=unknown_dependency::depends on 'ask', which is not a node"
    )


def test_a_fault_is_in_color_on_a_terminal_that_has_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = "nodes:\n- id: a\n  type: llm\n  instruction: |\n    To 日本\t{{nobody}}\n"
    write("bad.yaml", text)
    shown = invoke("validate", "bad.yaml", on_terminal=True).out
    message = "the template names 'nobody', which is neither a node nor a known source [unknown_template_source]"
    message = message.replace("nor a known", "nor a\n  known")
    fault = f"bad.yaml:5:11: error: {message}"
    place = "    5 |     To 日本    {{nobody}}\n      |                ^\n"
    assert shown == f"\x1b[31m{fault}\x1b[0m\n{place}"
    plain = f"{fault}\n{place}"
    assert invoke("validate", "bad.yaml", "--no-color", on_terminal=True).out == plain
    for name, value in (("TERM", "unknown"), ("TERM", "dumb"), ("NO_COLOR", "1")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert invoke("validate", "bad.yaml", on_terminal=True).out == plain


def test_a_folder_is_all_of_its_definitions() -> None:
    write("flows/a.yaml", GREETER)
    write("flows/b.json", "{}")
    write("flows/notes.txt", "no definition")
    write("flows/.hidden.yaml", "no definition")
    run = invoke("validate", "flows", "flows/a.yaml")
    assert (run.code, run.err) == (64, "2 files: 1 error, 0 warnings\n")
    assert run.out.startswith("flows/b.json:1:1: error: ")


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 64)])
def test_a_warning_fails_only_with_strict(options: tuple[str, ...], code: int) -> None:
    write("old.yaml", OLD_WORDS)
    run = invoke("validate", "old.yaml", *options)
    assert (run.code, run.err) == (code, "1 file: 0 errors, 1 warning\n")
    assert "write 'tool' [deprecated_word]\n    4 |   tool_name: slack_send_message\n" in run.out


@pytest.mark.usefixtures("platform")
def test_tools_are_compared_with_those_of_the_platform() -> None:
    write("tool.yaml", OLD_WORDS.replace("tool_name: slack_send_message", "tool: slack_send_mesage"))
    assert invoke("validate", "tool.yaml").code == 0
    run = invoke("validate", "tool.yaml", "--tools")
    assert run.code == 64
    assert run.out.startswith("tool.yaml:4:9: error: there is no tool 'slack_send_mesage'. Did you mean")
