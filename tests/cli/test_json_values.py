"""With `--json`, stdout is one JSON value, whatever the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from tests.cli.definitions import GREETER
from tests.cli.invocation import invoke, use

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
    (["request", "GET", "/tools"], list, 0),
    (["validate", "flows"], list, 0),
    (["fmt", "flows", "--check"], list, 1),
    (["fmt", "-"], dict, 0),
    (["graph", "flows/flow.yaml"], dict, 0),
    (["graph", "greeter", "--out", "flow.svg"], dict, 0),
    (["diff", "flows/flow.yaml", "greeter"], list, 1),
    (["plan", "flows"], dict, 2),
    (["apply", "flows", "--yes"], list, 0),
    (["pull", "greeter"], dict, 0),
    (["open", "--print"], dict, 0),
    (["doctor"], dict, 0),
    (["auth", "status"], dict, 0),
    (["profiles", "list"], list, 0),
    (["completion", "bash"], dict, 0),
]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Emulator, str]]:
    """Return a platform with a workflow, and the id of an execution that has ended."""
    with Emulator() as emulator, emulator.client() as client:
        node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
        workflow = client.workflows.create(name="greeter", definition={"nodes": [node]})
        yield emulator, client.workflows.run(workflow.id, inputs={"name": "Ada"}).id


@pytest.mark.parametrize(("command", "kind", "code"), COMMANDS, ids=[" ".join(line) for line, _, _ in COMMANDS])
@pytest.mark.parametrize("on_terminal", [False, True], ids=["piped", "terminal"])
def test_one_value(
    served: tuple[Emulator, str],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    tmp_path: Path,
    command: list[str],
    kind: type,
    code: int,
    on_terminal: bool,
) -> None:
    emulator, execution_id = served
    use(monkeypatch, emulator, tmp_path / "config")
    (folder / "flows").mkdir()
    (folder / "flows" / "flow.yaml").write_text(f"name: {tmp_path.name}\n{GREETER}# end\n\n", "utf-8")
    (folder / "rows.jsonl").write_text('{"name": "Ada"}\n{"name": "Bo"}\n', "utf-8")
    run = invoke(
        *(execution_id if word == "EXECUTION" else word for word in command),
        "--json",
        stdin=GREETER,
        on_terminal=on_terminal,
    )
    assert run.code == code, run.err
    value: Any = run.data
    assert isinstance(value, kind)
