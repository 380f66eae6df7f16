"""Errors with `--json`: one JSON value on stdout, in one form, unless a result is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import invoke
from tests.kit.assertions import check_each
from tests.kit.nodes import llm
from tests.kit.server import ScriptedServer

BAD = "name: Bad\nnodes:\n  - {id: a, type: lm, instruction: x}\n"
WORSE = "name: Worse\nnodes:\n  - {id: a, type: llm}\n  - {id: b, type: llm}\n"


@pytest.fixture(autouse=True)
def work(platform: Emulator, folder: Path) -> Path:
    """Return a folder with a faulty definition, whose platform has a workflow."""
    platform.client().workflows.create(name="Greeter", definition={"nodes": [llm("greet", "Hi {{input.name}}")]})
    (folder / "bad").mkdir()
    (folder / "bad" / "bad.yaml").write_text(BAD, "utf-8")
    (folder / "worse.yaml").write_text(WORSE, "utf-8")
    return folder


def error_of(*arguments: str, code: int) -> dict[str, Any]:
    """Return the error that is all that a command prints to stdout, which has its line on stderr too."""
    run = invoke(*arguments)
    assert run.code == code, run
    assert [*run.data] == ["error"]
    assert run.err.splitlines()[-1].startswith("fibonacci")
    error: dict[str, Any] = run.data["error"]
    assert [*error] == ["code", "message", "problems", "request_id"]
    return error


def test_one_form_for_arguments_files_names_and_refusals() -> None:
    def check(row: tuple[str, int, str, str]) -> None:
        line, code, error_code, message = row
        for words in ([*line.split(), "--json"], ["--json", *line.split()]):
            error = error_of(*words, code=code)
            assert (error["code"], error["problems"]) == (error_code, [])
            assert error["message"].startswith(message)

    check_each(
        (
            ("workflows gte x", 64, "usage", "unknown command 'gte'. Did you mean 'get'?"),
            ("workflows list --all --limit 3", 64, "usage", "--all and --limit can't be combined"),
            ("workflows get ..", 64, "usage", "ID|NAME must not be '..'"),
            ("validate no.yaml", 64, "usage", "there is no file or folder 'no.yaml'"),
            ("run Greter", 64, "usage", "no workflow has the id or the name 'Greter'. Did you mean 'Greeter'?"),
            ("executions list --profile nobody", 64, "configuration", "--profile: there is no profile 'nobody'"),
        ),
        check,
    )


def test_the_details_of_a_refusal_are_its_problems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    details = [{"field": "name", "message": "is too long"}]
    with ScriptedServer() as server:
        monkeypatch.setenv("FIBONACCI_API_KEY", server.api_key)
        monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
        body = {"error": {"code": "validation_error", "message": f"No {server.api_key}", "details": details}}
        server.add_response(body, 422)
        error = error_of("workflows", "create", "--name", "x", "--json", code=1)
    assert (error["code"], error["problems"]) == ("validation_error", details)
    assert server.api_key not in str(error)


def test_the_problems_of_files_and_inputs_are_listed() -> None:
    one = error_of("plan", "bad", "--json", code=64)
    assert (one["code"], one["message"]) == ("definition", "1 problem in definitions")
    found = [(each["line"], each["code"], each["severity"]) for each in one["problems"]]
    assert found == [(3, "misspelled_node_type", "error")]
    two = error_of("workflows", "create", "--name", "x", "--definition", "@worse.yaml", "--json", code=64)
    assert [each["location"] for each in two["problems"]] == ["nodes[0].instruction", "nodes[1].instruction"]
    inputs = error_of("run", "Greeter", "--json", code=64)
    assert [(each["code"], each["location"]) for each in inputs["problems"]] == [("missing_input", "inputs.name")]
