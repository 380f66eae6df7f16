"""Workflows by name: wherever a command takes the id of one, and wherever people read one in a list."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fibonacci.cli.main import PROGRAM, command_parser
from fibonacci.emulator import Emulator
from tests.cli.invocation import invoke
from tests.cli.test_help import commands
from tests.kit.assertions import check_rows
from tests.kit.nodes import llm

GREETER: dict[str, Any] = {"nodes": [llm("greet", "Greet")]}
NAME = "My greeter"

# What else the commands need, by the argument; and what they need to end, by the command.
VALUES = {"version": "1", "key": "draft", "value": "1", "rows": "rows.jsonl", "new": NAME}
FURTHER = {
    "run-many": ["--journal", "runs.db"],
    "executions tail": ["--limit", "1"],
    "workflows update": ["--description", "Greets"],
    "workflows delete": ["--yes"],
    "memory delete": ["--yes"],
    "versions rollback": ["--yes"],
    "pull": ["--out", "greeter.json"],
}


def is_workflow(action: argparse.Action) -> bool:
    return "ID|NAME" in str(action.metavar) or "or a workflow (ID, NAME" in str(action.help)


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Yield a line for each argument of any command that takes a workflow, which is given by its name."""
    for parser, _ in commands(command_parser()):
        command = parser.prog.removeprefix(f"{PROGRAM} ")
        arguments = [action for action in parser.actions() if not action.option_strings]
        for action in filter(is_workflow, parser.actions()):
            values = [NAME if each is action else VALUES.get(_name(each), NAME) for each in arguments]
            option = [action.option_strings[0], NAME] if action.option_strings else []
            yield (
                f"{command} {_name(action)}",
                [*command.split(), *values, *option, *FURTHER.get(command, [])],
            )


def _name(action: argparse.Action) -> str:
    return action.dest.removeprefix("call.")


@pytest.mark.usefixtures("folder")
def test_every_command_takes_the_name_of_a_workflow(platform: Emulator) -> None:
    Path("rows.jsonl").write_text("{}\n", "utf-8")

    def check(line: list[str]) -> None:
        platform.reset()
        with platform.client() as client:
            made = client.workflows.create(name=NAME, definition=GREETER).id
            client.workflows.execute(made)
            client.memory.set("draft", 1, scope="workflow", workflow_id=made)
            if line[:2] in (["registry", "deprecate"], ["registry", "archive"]):
                client.registry.approve_template(made)
            count = client.executions.list(workflow_id=made)
            run = invoke(*line)
            if line[0] == "mcp":  # which has no stdin here
                assert run.err.startswith("serving run_my_greeter on stdin and stdout")
                return
            assert (run.code, run.out == "") == (0, "delete" in line or line[0] == "diff"), run
            if line[0] in ("run", "run-many"):
                assert len(list(count)) == 2

    lines = dict(command_lines())
    assert len(lines) >= 21
    check_rows(lines.items(), check)


class TestLists:
    """People read the names of workflows, programs their ids."""

    @pytest.fixture(autouse=True)
    def wide(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "160")
        monkeypatch.setenv("NO_COLOR", "1")

    @staticmethod
    def run_workflows(platform: Emulator, number: int) -> list[str]:
        with platform.client() as client:
            ids = [client.workflows.create(name=f"flow {index}", definition=GREETER).id for index in range(number)]
            for workflow_id in ids * 2:
                client.workflows.execute(workflow_id)
        platform.requests.clear()
        return ids

    def test_a_list_shows_names_for_few_requests(self, platform: Emulator) -> None:
        ids = self.run_workflows(platform, 4)
        run = invoke("executions", "list", on_terminal=True)
        assert [run.out.count(f"  flow {index} ") for index in range(4)] == [2] * 4
        assert "  workflow  " in run.out.splitlines()[0]
        assert platform.requests.count == 2
        for options in ([], ["--json"], ["--fields", "id,workflow_id"]):
            platform.requests.clear()
            run = invoke("executions", "list", *options, on_terminal=bool(options))
            assert [run.out.count(id) for id in ids] == [2] * 4
            assert platform.requests.count == 1

    @pytest.mark.parametrize("status", [403, 429])
    def test_names_that_cannot_be_read(self, platform: Emulator, status: int) -> None:
        ids = self.run_workflows(platform, 3)
        platform.fail("GET /workflows", status=status, times=None)
        run = invoke("executions", "list", on_terminal=True)
        assert (run.code, run.err) == (0, "")
        assert [run.out.count(id) for id in ids] == [2] * 3

    def test_other_places(self, platform: Emulator) -> None:
        with platform.client() as client:
            made = client.workflows.create(name=NAME, definition=GREETER).id
            client.memory.set("draft", 1, scope="workflow", workflow_id=made)
        assert (
            f"workflow_id: {made} ({NAME})\n"
            in invoke("memory", "get", "draft", "--workflow", NAME, on_terminal=True).out
        )
