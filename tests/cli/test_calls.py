"""The derived commands: each sends what the call of the client sends, and prints what the platform sent."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from fibonacci._core.api_0_2 import CALLS, Missing
from fibonacci._remedies import worded_for_command
from fibonacci.cli.context import Context
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.main import command_parser
from fibonacci.emulator import Emulator
from tests.cli.command_lines import COMMAND_ROWS, calls, command_line, looked_up
from tests.cli.invocation import TextStream, as_printed, invoke, invoke_unwritable, use
from tests.contract.document import operations
from tests.endpoints.endpoint_row import NO_BODY, EndpointRow
from tests.endpoints.table import ROWS
from tests.kit.assertions import check_each, check_rows
from tests.kit.server import ScriptedServer
from tests.kit.systems import linux_only


def exactly(value: Any) -> str:
    """Return JSON as text, in which 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> ScriptedServer:
    """Return a server that the command is pointed to."""
    monkeypatch.setenv("FIBONACCI_API_KEY", server.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
    return server


NODE = {"id": "greet", "type": "llm", "instruction": "Greet"}


def ask_on_terminal(monkeypatch: pytest.MonkeyPatch, *, is_yes: bool) -> list[str]:
    """Let a command ask, and get one answer, and return the list to which its questions are added."""
    asked: list[str] = []

    def confirm(context: Context, question: str) -> None:
        asked.append(question)
        if not is_yes:
            raise UsageError("nothing was changed")

    def check_confirmable(context: Context, question: str) -> None:
        pass

    monkeypatch.setattr(Context, "check_confirmable", check_confirmable)
    monkeypatch.setattr(Context, "confirm", confirm)
    return asked


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Emulator]:
    """Return an emulator that the command is pointed to."""
    with Emulator() as running:
        use(monkeypatch, running, tmp_path)
        yield running


def test_a_refused_definition_is_explained_once(emulator: Emulator) -> None:
    node = {"id": "greet", "type": "llm", "instrction": "Hello"}
    run = invoke("workflows", "create", "--name", "Greeter", "--definition", json.dumps({"nodes": [node]}))
    assert (run.code, run.out) == (1, "")
    assert [run.err.count(words) for words in ("'instruction' is missing", "Did you mean 'instruction'?")] == [1, 1]


def test_every_call_is_a_command_and_has_a_row() -> None:
    assert {*calls(), "workflows.execute"} == {each.id for each in operations()} == {row.call for row in ROWS}


def test_a_command_sends_what_the_call_sends(scripted: ScriptedServer) -> None:
    check_rows(((str(row), row) for row in COMMAND_ROWS), lambda row: check_row(scripted, row))


def check_row(scripted: ScriptedServer, row: EndpointRow) -> None:
    scripted.requests.clear()
    workflow_id = looked_up(row)
    if workflow_id is not None:
        scripted.add_response({"data": {"id": workflow_id}})
    scripted.add_response({"data": row.data}, 204 if row.data is None else 200)
    run = invoke(*command_line(row))

    assert run.code == 0, run.err
    *before, sent = scripted.requests
    assert len(before) == (workflow_id is not None)
    assert (sent.method, sent.target) == (row.method, f"/v1{row.target}")
    assert sent.body == b"" if row.body is NO_BODY else exactly(sent.json) == exactly(row.body)
    if row.data is None:
        assert run.out == "null\n"
    else:
        data: Any = row.data
        if row.call == "workflows.execute":  # what the caller knows is filled in
            data = {"workflow_id": row.arguments[0], "inputs": row.options.get("inputs") or {}, **data}
        assert exactly(run.data) == exactly(
            [as_printed(row.returns, item) for item in data[: row.options.get("page_size")]]
            if row.is_list
            else as_printed(row.returns, data)
        )


@linux_only
def test_a_change_whose_result_cannot_be_written_is_named(scripted: ScriptedServer) -> None:
    def check(row: EndpointRow) -> None:
        if (workflow_id := looked_up(row)) is not None:
            scripted.add_response({"data": {"id": workflow_id}})
        scripted.add_response({"data": row.data}, 204 if row.data is None else 200)
        is_full = row.call == "workflows.create"
        run = invoke_unwritable(*command_line(row), is_full=is_full)
        *_, line = run.err.splitlines()
        assert run.code == 74, run
        reason = "No space left on device" if is_full else "Broken pipe"
        assert line.endswith(f", but the result cannot be written: {reason}")
        data: dict[str, Any] = row.data or {}
        for id in (data.get("id"), *row.arguments):
            assert id is None or str(id) in line, line

    check_rows({row.call: row for row in COMMAND_ROWS if row.method != "GET"}.items(), check)


POLICY, MEMORY, UPDATE = "organizations tool-policies update acme wait", "memory set k 1", "workflows update wf-1"
GREETER: dict[str, Any] = {"name": "Greeter", "description": "Greets", "nodes": [NODE]}
SENT: dict[str, dict[str, Any]] = {
    **{f"{POLICY} --enabled {word}": {"enabled": True} for word in ("true", "YES", "on", "1")},
    **{f"{POLICY} --enabled {word}": {"enabled": False} for word in ("false", "no", "off", "0")},
    f"{POLICY} --allowed-roles admin,owner": {"allowed_roles": ["admin", "owner"]},
    f"{POLICY} --allowed-roles admin --allowed-roles ' owner '": {"allowed_roles": ["admin", "owner"]},
    f"{POLICY} --allowed-roles ''": {"allowed_roles": []},
    f"{MEMORY} --ttl 3600": {"value": 1, "ttl": 3600},
    f"{MEMORY} --ttl 90s": {"value": 1, "ttl": 90},
    f"{MEMORY} --ttl 1h30m": {"value": 1, "ttl": 5400},
    f"{MEMORY} --ttl 2d": {"value": 1, "ttl": 172_800},
    f"{UPDATE} --description null": {"description": "null"},
    f"{UPDATE} --null description": {"description": None},
    f"{UPDATE} --null=--description": {"description": None},
    f"{UPDATE} --description=": {"description": ""},
    f"{UPDATE} --definition null": {"definition": None},
    "tools connect crm --params @inputs.json": {"name": "Zoë"},
    "tools connect crm --params -": {"name": "Zoë"},
    "workflows create --name x --definition @flow.yaml": {"name": "x", "definition": GREETER},
    "workflows create flow.yaml": {"name": "Greeter", "description": "Greets", "definition": GREETER},
    "workflows create flow.yaml --name x": {"name": "x", "description": "Greets", "definition": GREETER},
}


def test_values_as_people_type_them(scripted: ScriptedServer, folder: Path) -> None:
    inputs = '{"name": "Zoë"}'
    (folder / "inputs.json").write_text(inputs, "utf-8")
    nodes = "- {id: greet, type: llm, instruction: Greet}"
    (folder / "flow.yaml").write_text(f"name: Greeter\ndescription: Greets\nnodes:\n{nodes}\n", "utf-8")

    def check(row: tuple[str, dict[str, Any]]) -> None:
        line, sent = row
        scripted.add_response({"data": {"id": "wf-1", "key": "k", "name": "crm", "tool_name": "wait"}})
        run = invoke(*shlex.split(line), stdin=inputs)
        assert run.code == 0, run
        assert exactly(scripted.requests[-1].json) == exactly(sent)

    check_each(SENT.items(), check)


class TestLimits:
    """How many items of a list are fetched and printed."""

    def test_one_hundred_without_an_option(self, emulator: Emulator) -> None:
        client = emulator.client()
        for index in range(101):
            client.workflows.create(name=f"w{index}")
        run = invoke("workflows", "list")
        assert len(run.lines) == 100
        assert run.err == "there are more than these 100: --all prints every item, --limit N the first N\n"
        assert invoke("workflows", "list", "--quiet").err == ""
        everything = invoke("workflows", "list", "--all", "--json")
        assert (len(everything.data), everything.err) == (101, "")


class TestDeletion:
    """Without a terminal to ask on, a deletion needs `--yes`."""

    def test_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        line = ["workflows", "delete", "wf-1"]
        context = Context(command_parser(line).parse_args(line))
        for answer, is_yes in (("y\n", True), ("YES\n", True), ("n\n", False), ("", False)):
            asked = TextStream(is_terminal=True)
            monkeypatch.setattr("sys.stdin", TextStream(answer, is_terminal=True))
            monkeypatch.setattr("sys.stderr", asked)
            with nullcontext() if is_yes else pytest.raises(UsageError, match="nothing was changed"):
                context.confirm("Delete 'wf-1\x1b[2J'?")
            assert asked.getvalue() == "Delete 'wf-1\\x1b[2J'? [y/N] " + ("" if answer else "\n")

    def test_a_question_says_what_and_where_after_it_has_looked(
        self, monkeypatch: pytest.MonkeyPatch, emulator: Emulator
    ) -> None:
        with emulator.client() as client:
            big = client.workflows.create(name="Big", definition={"nodes": [NODE]})
            client.workflows.update(big.id, description="Second")
            client.memory.set("draft", 1, scope="global")
        asked = ask_on_terminal(monkeypatch, is_yes=False)
        workflow = f"'Big' ({big.id}, organization {big.organization_id})"
        for line, question in (
            ("workflows delete Big", f"Delete {workflow}"),
            (f"workflows delete {big.id}", f"Delete {workflow}"),
            ("versions rollback Big 1", f"Roll back {workflow} to version '1'"),
            ("memory delete draft --scope global", "Delete 'draft' (scope 'global')"),
        ):
            assert invoke(*line.split()).code == 64
            assert asked.pop() == f"{question} at {emulator.base_url}?", line
        with emulator.client() as client:
            assert (client.workflows.get(big.id).version, client.memory.get("draft", scope="global").value) == (2, 1)

    def test_yes_deletes_and_rolls_back_without_asking(self, emulator: Emulator) -> None:
        with emulator.client() as client:
            client.memory.set("draft", 1, scope="global")
            big = client.workflows.create(name="Big", definition={"nodes": [NODE]})
        run = invoke("versions", "rollback", "Big", "1", "--yes")
        assert (run.code, run.data["workflow_id"], run.data["version"]) == (0, big.id, 2)
        assert invoke("memory", "delete", "draft", "--scope", "global", "--yes") == (0, "", "deleted 'draft'\n")
        run = invoke("memory", "delete", "draft", "--scope", "global", "--yes")
        assert (run.code, run.out) == (1, "")
        assert "404" in run.err


def test_what_to_use_instead_of_a_call_that_0_2_does_not_have_is_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", "key")
    monkeypatch.setenv("FIBONACCI_API_VERSION", "0.2")
    for entry in CALLS.values():
        if isinstance(entry, Missing):
            with worded_for_command():
                assert not re.search(r"\w\.\w|[=(]", entry.instead), entry
    run = invoke("versions", "list", "wf-1")
    assert (run.code, run.out) == (64, "")
    assert "which FIBONACCI_API_VERSION or the profile selects. Nothing was sent" in run.err
    assert "pass --workflow ID" in invoke("executions", "list").err
