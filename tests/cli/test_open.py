"""`fibonacci open`: the address of a page, without a key."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import environment, invoke, spawn, use
from tests.kit.nodes import llm
from tests.kit.server import ScriptedServer
from tests.kit.systems import needs_signals


@pytest.fixture
def address(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    use(monkeypatch, emulator, tmp_path)
    return emulator.base_url.removesuffix("/v1")


def test_addresses(emulator: Emulator, address: str) -> None:
    client = emulator.client()
    workflow = client.workflows.create(name="Greeter", definition={"nodes": [llm("a", "x")]})
    execution = client.workflows.execute(workflow.id)
    for arguments, path in (
        ([], "/"),
        (["workflow"], "/ui/workflows"),
        (["workflow", "Greeter"], f"/ui/workflows/{workflow.id}"),
        (["execution"], "/ui/runs"),
        (["execution", execution.id], f"/ui/runs/{execution.id}"),
    ):
        run = invoke("open", *arguments, "--print")
        assert (run.code, run.out, run.err) == (0, f"{address}{path}\n", "")
        assert emulator.api_key not in run.out


def test_with_the_api_of_0_2_4(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBONACCI_API_VERSION", "0.2")
    monkeypatch.setenv("FIBONACCI_BASE_URL", address)
    run = invoke("open", "--print")
    assert (run.code, run.out) == (64, "")
    assert "set FIBONACCI_API_VERSION=v1, and let FIBONACCI_BASE_URL end in /v1" in run.err


@needs_signals
def test_the_browser_gets_an_address_without_the_key(emulator: Emulator, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/opened"\n')
    browser.chmod(0o755)
    run = spawn("open", env={**environment(emulator, tmp_path), "BROWSER": str(browser)})
    address = emulator.base_url.removesuffix("/v1") + "/"
    assert (run.code, run.out, run.err) == (0, "", f"{address} (sign in with FIBONACCI_API_KEY)\n")
    assert (tmp_path / "opened").read_text() == f"{address}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a browser of their own")
def test_without_a_browser_the_address_is_said(emulator: Emulator, tmp_path: Path) -> None:
    run = spawn("open", env={**environment(emulator, tmp_path), "BROWSER": "no-such-browser", "PATH": ""})
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith("no browser can be started here: open http://127.0.0.1:")


def test_what_is_not_there(address: str) -> None:
    assert invoke("open", "workflow", "Nobody").err == "fibonacci: no workflow has the id or the name 'Nobody'\n"
    assert invoke("open", "execution", "exec_none", "--print").code == 1
    assert invoke("open", "workflw").code == 64


def test_the_platform_documents_no_page(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", server.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
    server.add_response({"status": "healthy", "backend": "aws_secrets_manager", "checks": {}})
    run = invoke("open")
    assert (run.code, run.out) == (64, "")
    assert run.err.startswith(f"fibonacci: {server.base_url} documents no address of a page")
