"""The exit codes of all commands that send requests: one line on stderr, nothing on stdout."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.cli.command_lines import command_line
from tests.cli.definitions import GREETER
from tests.cli.invocation import invoke
from tests.endpoints.table import ROWS
from tests.kit.assertions import check_rows

CALLS = {row.call: command_line(row) for row in ROWS if not row.call.startswith("health.")}
COMMANDS: dict[str, list[str]] = {
    **CALLS,
    "run": ["run", "Greeter"],
    "run --detach": ["run", "Greeter", "--detach"],
    "executions watch": ["executions", "watch", "exec_1"],
    "executions tail": ["executions", "tail", "--limit", "1"],
    "run-many": ["run-many", "Greeter", "rows.jsonl", "--journal", "runs.db"],
    "run-many --estimate": ["run-many", "Greeter", "rows.jsonl", "--estimate"],
    "request": ["request", "GET", "/tools"],
    "validate --tools": ["validate", "flow.yaml", "--tools"],
    "graph": ["graph", "Greeter"],
    "diff": ["diff", "flow.yaml", "Greeter"],
    "plan": ["plan", "."],
    "apply": ["apply", ".", "--yes"],
    "pull": ["pull", "Greeter"],
    "mcp": ["mcp", "--allow", "Greeter"],
}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, emulator: Emulator, folder: Path, tmp_path: Path) -> Path:
    """Return a folder with a definition and rows; the environment has an address, and no key."""
    monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)
    monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("FIBONACCI_API_KEY", raising=False)
    (folder / "flow.yaml").write_text(GREETER, "utf-8")
    (folder / "rows.jsonl").write_text('{"name": "Ada"}\n', "utf-8")
    return folder


@pytest.mark.usefixtures("work")
def test_without_a_key() -> None:
    def check(command: list[str]) -> None:
        run = invoke(*command)
        assert (run.code, run.out, run.err.count("\n")) == (4, "", 1)
        assert run.err.startswith("fibonacci: no API key: set FIBONACCI_API_KEY, or run `fibonacci auth login`. ")
        assert "api_key" not in run.err

    check_rows(COMMANDS.items(), check)


@pytest.mark.usefixtures("work")
def test_a_key_that_the_platform_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", "fib-wrong-key")

    def check(command: list[str]) -> None:
        run = invoke(*command)
        assert (run.code, run.out) == (4, "")
        assert "status 401" in run.err.splitlines()[-1]
        assert "fib-wrong-key" not in run.err

    check_rows(COMMANDS.items(), check)


def test_remedies_are_those_of_the_command_line(
    work: Path, monkeypatch: pytest.MonkeyPatch, emulator: Emulator
) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
    with emulator.client() as client:
        made = client.workflows.create(name="flow").id
    assert f"`fibonacci pull {made} --dir DIR` if it is" in invoke("plan", ".").err
    assert invoke("run", made, "--idempotency-key", "").err.startswith("fibonacci: --idempotency-key must be ")
    monkeypatch.setenv("FIBONACCI_BASE_URL", "https://user:secret@platform.example/v1")
    assert invoke("tools", "list").err.endswith("; set the key in FIBONACCI_API_KEY, or run `fibonacci auth login`\n")


@pytest.mark.usefixtures("work")
def test_a_key_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    for line in (
        "fib_live_0123456789",
        "auth login fib_live_0123456789",
        "auth login --api-key=fib_live_0123456789",
        "tools list --profile fib_live_0123456789",
        "profiles add fib_live_0123456789",
        "tools list --limit fib_live_0123456789",
        "validate fib_live_0123456789",
        "validate fib_live_0123456789 --debug",
    ):
        run = invoke(*line.split())
        assert (line, run.code, run.out) == (line, 64, "")
        assert run.err
        assert "0123456789" not in run.err
        assert not (tmp_path / "config").exists()
