"""`fibonacci request`: any request."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import invoke, use


def test_a_request_prints_the_data_of_the_response(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Emulator() as emulator:
        use(monkeypatch, emulator, tmp_path)
        created = invoke("request", "post", "/workflows", "--data", '{"name": "Greeter"}')
        assert (created.code, created.err) == (0, "")
        shown = invoke("request", "GET", f"/workflows/{created.data['id']}", "--json")
        assert (shown.code, shown.data["name"]) == (0, "Greeter")


def test_data_that_are_no_json_are_refused() -> None:
    message = "argument --data: the argument is not JSON (line 1, column 2: Expecting property name enclosed in double"
    run = invoke("request", "GET", "/health", "--data", "{")
    assert run == (64, "", f"fibonacci request: {message} quotes)\n")
