"""Data on stdout: for people on a terminal, for programs elsewhere."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fibonacci._display.text import cell_width
from fibonacci.cli.context import Output, color_changes
from fibonacci.cli.main import command_parser
from fibonacci.models import Workflow
from tests.cli.invocation import Invocation, as_printed, invoke
from tests.kit.server import ScriptedServer

FULL = "Grüße 👋"
WORKFLOW: dict[str, Any] = {
    "id": "wf-1",
    "name": FULL,
    "description": "one\ntwo",
    "definition": {"nodes": [{"id": "greet"}]},
    "version": 3,
    "status": "active",
    "created_at": "2026-11-25T01:02:03Z",
    "tags": ["a", "b"],
    "note": None,
}
SECOND = {"id": "wf-2"}
PRINTED, SECOND_PRINTED = as_printed(Workflow, WORKFLOW), as_printed(Workflow, SECOND)
HOSTILE = "\x1b[31mred\x07 \x9b2J \x7f \u202eback \u2028 line"


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> Iterator[None]:
    """Point the command to the server; its terminal has 80 columns, no color, and the time zone UTC."""
    for name, value in {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "xterm-256color", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FIBONACCI_API_KEY", server.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def shown(server: ScriptedServer, data: Any, *options: str, on_terminal: bool = False) -> Invocation:
    """Return what a command prints for an object or a list."""
    server.add_response({"data": data})
    command = ["workflows", "list"] if isinstance(data, list) else ["workflows", "get", "wf-1"]
    run = invoke(*command, *options, on_terminal=on_terminal)
    assert run.code == 0, run.err
    return run


class TestPrograms:
    """Without a terminal, and with `--json`."""

    def test_an_object_is_json_in_one_line(self, server: ScriptedServer) -> None:
        for options in ([], ["--json"]):
            run = shown(server, WORKFLOW, *options)
            assert (run.data, run.out.count("\n"), run.err) == (PRINTED, 1, "")
            assert list(run.data) == [*Workflow.model_validate(WORKFLOW).to_dict()]
            assert FULL in run.out

    def test_a_list_is_lines_of_json_or_an_array_with_the_option(self, server: ScriptedServer) -> None:
        assert shown(server, [WORKFLOW, SECOND]).lines == [PRINTED, SECOND_PRINTED]
        assert shown(server, []) == (0, "", "")
        assert shown(server, [WORKFLOW, SECOND], "--json").data == [PRINTED, SECOND_PRINTED]
        assert shown(server, [], "--json").out == "[]\n"

    def test_an_error_inside_a_list_leaves_no_whole_array(self, server: ScriptedServer) -> None:
        server.add_response({"data": [{"id": "wf-1"}], "meta": {"next_cursor": "c"}})
        server.add_response({"error": {"code": "gone", "message": "The cursor has expired"}}, 400)
        run = invoke("workflows", "list", "--all", "--json")
        assert (run.code, run.out) == (1, f"[\n{json.dumps(as_printed(Workflow, {'id': 'wf-1'}))}\n")
        assert "The cursor has expired" in run.err
        with pytest.raises(json.JSONDecodeError):
            _ = run.data


class TestFields:
    """`--fields`."""

    def test_these_alone_in_this_order(self, server: ScriptedServer) -> None:
        run = shown(server, WORKFLOW, "--fields", "version,definition.nodes.0.id, name")
        assert run.out == f'{{"version": 3, "definition.nodes.0.id": "greet", "name": "{FULL}"}}\n'
        run = shown(server, [WORKFLOW, {"id": "wf-2"}], "--fields", "id,version,definition.nodes.7.id")
        assert [list(line.values()) for line in run.lines] == [
            ["wf-1", 3, None],
            ["wf-2", None, None],
        ]

    def test_a_request_that_was_sent_is_never_without_its_response(self, server: ScriptedServer) -> None:
        for data in ({"id": "wf-1"}, [1, 2], None):
            server.add_response({"data": data})
            run = invoke("request", "POST", "/workflows", "--fields", "stats", "--data", "{}")
            assert (run.code, run.err, run.data) == (0, "", data)
        assert len(server.requests) == 3


class TestPeople:
    """On a terminal."""

    def test_an_empty_list(self, server: ScriptedServer) -> None:
        assert shown(server, [], on_terminal=True) == (0, "", "there are none\n")

    def test_an_object(self, server: ScriptedServer) -> None:
        assert shown(server, WORKFLOW, on_terminal=True).out.split("\n") == [
            "id: wf-1",
            f"name: {FULL}",
            "description:",
            "  one",
            "  two",
            "definition:",
            "  {",
            '    "nodes": [',
            "      {",
            '        "id": "greet"',
            "      }",
            "    ]",
            "  }",
            "version: 3",
            "status: active",
            "created_at: 2026-11-25 01:02:03 UTC",
            "tags: a, b",
            "note: null",
            "",
        ]

    @pytest.mark.parametrize("columns", [20, 200])
    def test_rows_fit_the_terminal(self, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer, columns: int) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        names = ["x" * 300, "日本" * 150, "👋" * 150, "short"]
        items = [{**WORKFLOW, "id": f"wf-{index}", "name": name} for index, name in enumerate(names)]
        lines = shown(server, items, on_terminal=True).out.splitlines()
        assert len(lines) == 1 + len(items)
        assert all(cell_width(line) <= columns for line in lines)


class TestHostileData:
    """What the platform sends is shown, never executed."""

    def test_on_a_terminal(self, server: ScriptedServer) -> None:
        item = {"id": "wf-1", "name": HOSTILE, HOSTILE: HOSTILE, "definition": {HOSTILE: HOSTILE}}
        for data in (item, [item]):
            for options in ([], ["--json"], ["--fields", "name"]):
                run = shown(server, data, *options, on_terminal=True)
                assert "31mred" in run.out
                assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", run.out)
                if options == ["--json"]:
                    items = [as_printed(Workflow, item) for item in ([data] if isinstance(data, dict) else data)]
                    assert run.data == (items if isinstance(data, list) else items[0])

    def test_hostile_text_in_an_error_is_escaped(self, server: ScriptedServer) -> None:
        server.add_response({"error": {"code": "bad", "message": HOSTILE}}, 400)
        run = invoke("workflows", "get", "wf-1", "--debug")
        assert run.code == 1
        assert "31mred" in run.err
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", run.err)


class TestColors:
    """Colors are for a terminal that has them."""

    @pytest.fixture(autouse=True)
    def colored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NO_COLOR")

    def test_without_color(self, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
        assert "\x1b" not in shown(server, [WORKFLOW]).out
        assert "\x1b" not in shown(server, [WORKFLOW], "--no-color", on_terminal=True).out
        for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
            with monkeypatch.context() as patch:
                patch.setenv(name, value)
                assert "\x1b" not in shown(server, [WORKFLOW], on_terminal=True).out


def test_colors_of_our_own_are_kept_and_those_in_data_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    text = color_changes("+ \x1b[2Jnew\n    -old\n     - item\n~ b: 1 -> 2\n! conflict\nPlan: \x1b[2J")
    lines = ["\x1b[32m+ \\x1b[2Jnew", "\x1b[31m    -old", "     - item", "\x1b[33m~ b: 1 -> 2", "\x1b[35m! conflict"]
    assert [line.removesuffix("\x1b[0m") for line in text.splitlines()] == [*lines, "Plan: \\x1b[2J"]
    output = Output(command_parser().parse_args(["tools", "list"]))
    output.is_terminal = True
    for each in (text, "\x1b[2J"):
        output.text(each)
    assert capsys.readouterr().out == f"{text}\n\\x1b[2J\n"
