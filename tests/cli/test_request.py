"""`fibonacci request`: any request."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import environment, invoke, spawn, use


def test_a_request_prints_the_data_of_the_response(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Emulator() as emulator:
        use(monkeypatch, emulator, tmp_path)
        created = invoke("request", "post", "/workflows", "--data", '{"name": "Greeter"}')
        assert (created.code, created.err) == (0, "")
        shown = invoke("request", "GET", f"/workflows/{created.data['id']}", "--json")
        assert (shown.code, shown.data["name"]) == (0, "Greeter")


def test_it_runs_in_a_process(tmp_path: Path) -> None:
    with Emulator() as emulator:
        run = spawn("request", "GET", "/health", env=environment(emulator, tmp_path))
        assert (run.code, run.err, run.data["status"]) == (0, "", "healthy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reqest"], "fibonacci: unknown command 'reqest'. Did you mean 'request'?\n"),
        (
            ["request", "GET", "/health", "--data", "{"],
            "fibonacci request: argument --data: the argument is not JSON (line 1, column 2: Expecting property name"
            " enclosed in double quotes)\n",
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], message: str) -> None:
    assert invoke(*arguments) == (64, "", message)
