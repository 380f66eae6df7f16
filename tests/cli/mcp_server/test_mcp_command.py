"""What `fibonacci mcp` refuses before it serves: one line, an exit code, and nothing run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fibonacci.cli.main import command_parser
from fibonacci.emulator import Emulator
from tests.cli.invocation import invoke, use
from tests.kit.assertions import check_each
from tests.tools.markdown import ROOT, blocks_of

PORT = "--http: {!r} is not a port of this machine, such as 8790 or 127.0.0.1:8790"


def test_wrong_arguments_of_the_server_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def check(row: tuple[list[str], int, str]) -> None:
        arguments, code, message = row
        run = invoke("mcp", *arguments)
        assert (run.code, run.out, run.err.count("\n")) == (code, "", 1)
        assert message in run.err

    rows: list[tuple[list[str], int, str]] = [
        (["--allow", "Nothing"], 64, "no workflow has the id or the name 'Nothing'"),
        (["--allow", "Twice"], 64, "2 workflows have the name 'Twice'"),
        (["--allow"], 64, "argument --allow: expected at least one argument"),
        (["--http", "0.0.0.0:8790"], 64, PORT.format("0.0.0.0:8790")),
        (["--http", "example.com:80"], 64, PORT.format("example.com:80")),
        (["--http", "70000"], 64, PORT.format("70000")),
        (["--http", ""], 64, PORT.format("")),
        (["--http", "0", "--quiet"], 64, "--quiet would hide the new token"),
        (["--wait", "-1"], 64, "argument --wait: '-1' is not a time from 0 to 86400 s"),
        (["--wait", "nan"], 64, "argument --wait: 'nan' is not a time from 0 to 86400 s"),
    ]
    with Emulator() as emulator:
        use(monkeypatch, emulator, tmp_path)
        for _ in range(2):
            emulator.client().workflows.create(name="Twice")
        check_each(rows, check)


def test_a_token_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for token in ("short", "15-characters-x", "a token with spaces in it", "ein-längeres-Kennwort"):
        monkeypatch.setenv("FIBONACCI_MCP_TOKEN", token)
        run = invoke("mcp", "--http", "0")
        assert (run.code, run.out) == (64, "")
        assert "FIBONACCI_MCP_TOKEN must have at least 16 visible ASCII characters" in run.err
        assert token not in run.err


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Emulator() as emulator:
        use(monkeypatch, emulator, tmp_path)
        port = emulator.base_url.split(":")[2].split("/")[0]
        run = invoke("mcp", "--http", port)
        assert run.code == 64
        assert f"--http: port {port} cannot be listened on" in run.err


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    run = invoke("mcp", "--allow", "x")
    assert run == (64, "", "fibonacci: fibonacci mcp needs the package mcp: pip install 'fibonacci-sdk[mcp]'\n")


def test_the_configuration_of_clients_in_the_documentation() -> None:
    texts = [
        block.code
        for block in blocks_of(ROOT / "docs" / "how-to" / "give-workflows-to-agents.md")
        if block.language == "json"
    ]
    on_stdio, over_http = (json.loads(text)["mcpServers"]["fibonacci"] for text in texts)
    assert command_parser().parse_args(on_stdio["args"]).allow == ["triage", "weekly-report"]
    assert over_http["url"].endswith("/mcp")
