"""With `--json`, stdout is one JSON value, whatever the command."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.cli.definitions import GREETER
from tests.cli.invocation import invoke, use
from tests.kit.assertions import check_rows

COMMANDS: list[tuple[list[str], type, int]] = [
    (["workflows", "list"], list, 0),
    (["workflows", "list", "--all", "--fields", "id"], list, 0),
    (["executions", "list", "--status", "failed"], list, 0),
    (["executions", "tail", "--limit", "1"], list, 0),
    (["executions", "watch", "EXECUTION"], dict, 0),
    (["run", "greeter", "--input", "name=Ada"], dict, 0),
    (["run", "greeter", "--input", "name=Ada", "--watch"], dict, 0),
    (["run", "greeter", "--input", "name=Ada", "--detach"], dict, 0),
    (["run-many", "greeter", "rows.jsonl", "--estimate"], dict, 0),
    (["request", "get", "/tools"], list, 0),
    (["validate", "flows"], list, 0),
    (["fmt", "flows", "--check"], list, 1),
    (["fmt", "-"], dict, 0),
    (["graph", "flows/flow.yaml"], dict, 0),
    (["graph", "greeter", "--out", "flow.svg"], dict, 0),
    (["diff", "flows/flow.yaml", "greeter"], list, 1),
    (["plan", "flows"], dict, 2),
    (["apply", "flows", "--yes"], list, 0),
    (["pull", "greeter"], dict, 0),
    (["doctor"], dict, 0),
    (["auth", "status"], dict, 0),
    (["profiles", "list"], list, 0),
    (["completion", "bash"], dict, 0),
]


def test_one_value(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, emulator, tmp_path / "config")
    with emulator.client() as client:
        node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
        workflow = client.workflows.create(name="greeter", definition={"nodes": [node]})
        execution_id = client.workflows.run(workflow.id, inputs={"name": "Ada"}).id

    def check(row: tuple[list[str], type, int]) -> None:
        command, kind, code = row
        folder = tmp_path / f"folder-{COMMANDS.index(row)}"
        (folder / "flows").mkdir(parents=True)
        (folder / "flows" / "flow.yaml").write_text(f"name: {folder.name}\n{GREETER}# end\n\n", "utf-8")
        (folder / "rows.jsonl").write_text('{"name": "Ada"}\n{"name": "Bo"}\n', "utf-8")
        line = [execution_id if word == "EXECUTION" else word for word in command]
        with chdir(folder):
            run = invoke(*line, "--json", stdin=GREETER, on_terminal=True)  # where more is printed for people
        assert run.code == code, run.err
        assert isinstance(run.data, kind)

    check_rows(((" ".join(row[0]), row) for row in COMMANDS), check)
