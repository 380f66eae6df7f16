"""What `fibonacci mcp` refuses before it serves: one line, an exit code, and nothing run."""

from __future__ import annotations

import json
import sys

import pytest

from fibonacci.cli.main import command_parser
from fibonacci.emulator import Emulator
from tests.cli.invocation import check_refused, invoke
from tests.tools.markdown import ROOT, blocks_of


def test_what_is_refused_before_it_serves(platform: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Greeter", "Twice", "Twice"):
        platform.client().workflows.create(name=name)
    no_port = "is not a port of this machine, such as 8790 or 127.0.0.1:8790"
    taken = platform.base_url.split(":")[2].split("/")[0]
    check_refused(
        {
            "mcp --allow Nothing": "no workflow has the id or the name 'Nothing'",
            "mcp --allow Twice": "2 workflows have the name 'Twice'",
            "mcp --allow": "argument --allow: expected at least one argument",
            "mcp --http 0.0.0.0:8790": f"--http: '0.0.0.0:8790' {no_port}",
            "mcp --http example.com:80": f"--http: 'example.com:80' {no_port}",
            "mcp --http 70000": f"--http: '70000' {no_port}",
            f"mcp --allow Greeter --http {taken}": f"--http: port {taken} cannot be listened on",
            "mcp --http 0 --quiet": "--quiet would hide the new token",
            "mcp --wait -1": "argument --wait: '-1' is not a time from 0 to 86400 s",
            "mcp --wait nan": "argument --wait: 'nan' is not a time from 0 to 86400 s",
        }
    )
    for token in ("15-characters-x", "a token with spaces in it", "ein-längeres-Kennwort"):
        monkeypatch.setenv("FIBONACCI_MCP_TOKEN", token)
        run = invoke("mcp", "--http", "0")
        assert (run.code, run.out, token in run.err) == (64, "", False)
        assert "FIBONACCI_MCP_TOKEN must have at least 16 visible ASCII characters" in run.err
    monkeypatch.setitem(sys.modules, "mcp", None)
    check_refused({"mcp --allow x": "fibonacci mcp needs the package mcp: pip install 'fibonacci-sdk[mcp]'\n"})


def test_the_configuration_of_clients_in_the_documentation() -> None:
    texts = [
        block.code
        for block in blocks_of(ROOT / "docs" / "how-to" / "give-workflows-to-agents.md")
        if block.language == "json"
    ]
    on_stdio, over_http = (json.loads(text)["mcpServers"]["fibonacci"] for text in texts)
    assert command_parser().parse_args(on_stdio["args"]).allow == ["triage", "weekly-report"]
    assert over_http["url"].endswith("/mcp")
