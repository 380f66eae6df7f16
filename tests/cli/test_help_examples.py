"""The examples on the pages of help: every page has two or three, and each runs."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from fibonacci import UnknownOutcomeError
from fibonacci.cli.main import PROGRAM, command_parser
from fibonacci.cli.parser import read_table
from fibonacci.emulator import Emulator
from tests.cli.invocation import invoke, use
from tests.cli.test_help import commands
from tests.kit.assertions import check_each
from tests.kit.nodes import llm, tool

EXAMPLES: dict[str, list[str]] = read_table("examples")

# They serve until they are ended, start a browser or a program, or read a key.
NOT_RUN = ("dev ", "mcp ", "auth login", "executions tail --workflow")
GREETER: dict[str, Any] = {"name": "Greeter", "nodes": [llm("greet", "Greet {{input.name}}")]}
FORMATTED = f"{json.dumps(GREETER, indent=2)}\n"
PROFILES = """\
default = "production"
[profiles.production]
base_url = "{url}"
[profiles.staging]
base_url = "{url}"
"""


def test_every_help_has_two_or_three_of_its_own() -> None:
    pages = {parser.prog.removeprefix(PROGRAM).strip(): parser for parser, _ in commands(command_parser())}
    assert EXAMPLES.keys() == pages.keys()
    for name, parser in pages.items():
        assert 2 <= len(EXAMPLES[name]) <= 3
        text = parser.format_help().replace(" \\\n      ", " ")
        for line in EXAMPLES[name]:
            assert f"\n  fibonacci {line}\n" in text
            assert not name or line.split()[: len(name.split())] == name.split()


def prepare(emulator: Emulator, folder: Path, config: Path, line: str) -> str:
    """Make what an example names, in the folder and on the platform; return the id of an execution."""
    config.mkdir(exist_ok=True)
    (config / "config.toml").write_text(PROFILES.format(url=emulator.base_url))
    (config / "config.toml").chmod(0o600)
    (folder / "flows").mkdir()
    (folder / "greeter.json").write_text(FORMATTED)
    (folder / "flows" / "triage.json").write_text(FORMATTED.replace("Greeter", "Triage"))
    (folder / "inputs.json").write_text('{"name": "Ada"}')
    (folder / "rows.csv").write_text("name\nAda\nEve\n")
    nodes = [tool("rest", "wait", {"seconds": 60})] if "cancel" in line else GREETER["nodes"]
    with emulator.client() as client:
        workflow_id = client.workflows.create(name="Greeter", definition={"nodes": nodes}).id
        client.workflows.update(workflow_id, description="Greets")
        client.memory.set("last_topic", "tides")
        client.organizations.tool_policies.create("default", tool_name="wait", enabled=True)
        if line.startswith(("registry deprecate", "registry archive")):
            client.registry.approve_template(workflow_id)
        if line.startswith("journal settle"):
            emulator.fail("POST /workflows/{id}/execute", "no_reply", times=2)
            with suppress(UnknownOutcomeError):
                list(
                    client.workflows.run_many(
                        workflow_id,
                        [{"id": 7, "name": "Ada"}, {"id": 8, "name": "Eve"}],
                        key="id",
                        journal=folder / "runs.db",
                    )
                )
        elif line.startswith("journal") or "--resume" in line:
            list(client.workflows.run_many(workflow_id, [{"name": "Ada"}, {"name": "Eve"}], journal=folder / "runs.db"))
        return (
            client.workflows.execute(workflow_id, inputs={"name": "Ada"}).id
            if line.startswith(("executions", "graph"))
            else ""
        )


def is_run(line: str) -> bool:
    return line != "executions tail" and not line.startswith(NOT_RUN)


@pytest.mark.slow
@pytest.mark.usefixtures("keychain")
def test_each_of_them_runs(monkeypatch: pytest.MonkeyPatch, emulator: Emulator, tmp_path: Path) -> None:
    use(monkeypatch, emulator, tmp_path / "config")

    def check(line: str) -> None:
        emulator.reset()
        with TemporaryDirectory(dir=tmp_path) as folder:
            monkeypatch.chdir(folder)
            execution_id = prepare(emulator, Path(folder), tmp_path / "config", line)
            words = shlex.split(line.replace("exec_abc123", execution_id).replace(" acme", " default"))
            asks = {"apply", "delete", "remove", "pull", "retry"} & set(words)
            run = invoke(*words, *(["--yes"] if asks else []))
        assert run.code in {"plan": (2,), "diff": (0, 1)}.get(words[0], (0,)), run

    check_each(sorted({line for lines in EXAMPLES.values() for line in lines if is_run(line)}), check)
