"""The exit codes of all commands that send requests, and of each kind of answer: one line on stderr, no stdout."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from fibonacci.cli import exit_codes
from fibonacci.emulator import Emulator
from tests.cli.command_lines import COMMAND_ROWS, command_line
from tests.cli.definitions import GREETER
from tests.cli.invocation import check_refused, invoke, invoke_unwritable
from tests.kit.assertions import check_each, check_rows
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, error_body, raw_then_reset, refusing, respond
from tests.kit.systems import linux_only

CALLS = {row.call: command_line(row) for row in COMMAND_ROWS if not row.call.startswith("health.")}
COMMANDS: dict[str, list[str]] = {
    # Of the derived commands, which have all of this in common: a list, a read, a change and a deletion.
    **{name: CALLS[name] for name in ("workflows.list", "tools.get", "workflows.create", "memory.delete")},
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


WRONG_KEY, NOWHERE = {"FIBONACCI_API_KEY": "fib-wrong-key"}, {"FIBONACCI_BASE_URL": "http://127.0.0.1:9/v1"}


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("variables", "code", "message"),
    [
        ({}, 4, "fibonacci: no API key: set FIBONACCI_API_KEY, or run `fibonacci auth login`. "),
        (WRONG_KEY, 4, "status 401"),
        (WRONG_KEY | NOWHERE, 69, "no connection to 127.0.0.1:9"),
    ],
    ids=["no key", "a wrong key", "nothing listens"],
)
def test_what_keeps_every_command_from_the_platform(
    variables: dict[str, str], code: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**variables, "FIBONACCI_MAX_RETRIES": "0"}.items():
        monkeypatch.setenv(name, value)

    def check(command: list[str]) -> None:
        run = invoke(*command, "--quiet")
        assert (run.code, run.result) == (code, "")
        assert run.err.startswith("fibonacci: ")
        assert run.err.count(message) == 1
        assert not re.search("fib-wrong-key|api_key", run.err)

    goes_on = ("executions watch", "executions tail") if code == 69 else ()  # they wait for the platform
    check_rows(((name, row) for name, row in COMMANDS.items() if name not in goes_on), check)


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


CHANGES = {
    **{row.call: CALLS[row.call] for row in COMMAND_ROWS if row.method != "GET" and row.call in CALLS},
    **{name: COMMANDS[name] for name in ("run", "run --detach", "run-many", "apply")},
}


def test_64_is_nothing_sent(work: Path, monkeypatch: pytest.MonkeyPatch, emulator: Emulator) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)

    def check(command: list[str]) -> None:
        for wrong in (("--fields", "xyzzy"), ("--all",)):
            run = invoke(*command, *wrong)
            assert (run.code, run.result, run.err.count("\n")) == (64, "", 1), run
            assert wrong[0] in run.err
        assert emulator.requests.count == 0

    check_rows(CHANGES.items(), check)
    assert not (work / "runs.db").exists()


@linux_only
def test_what_was_done_is_on_stderr_where_stdout_cannot_be_written(
    work: Path, monkeypatch: pytest.MonkeyPatch, emulator: Emulator
) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
    assert invoke("workflows", "create", "--name", "Greeter", "--definition", "@flow.yaml").code == 0

    def check(row: tuple[str, str]) -> None:
        line, done = row
        for is_full in (True, False):
            run = invoke_unwritable(*line.split(), is_full=is_full)
            assert run.code == 74, run
            assert re.fullmatch(f"fibonacci: {done}, but the result cannot be written: .*", run.err.splitlines()[-1])

    start = "run Greeter --input name=Ada"
    check_each(
        (
            (start, r"exec_\w+ was started \(completed\)"),
            (f"{start} --watch", r"exec_\w+ was started \(\w+\)"),
            (f"{start} --detach", r"exec_\w+ was started"),
            ("run-many Greeter rows.jsonl --journal runs.db --retry-failed", "rows were started"),
            ('request POST /workflows --data {"name":"x"}', r"`POST /workflows` was carried out \(wf-\w+\)"),
            ("pull Greeter --dir flows", "flows/greeter.yaml was written"),
        ),
        check,
    )
    run = invoke_unwritable("apply", ".", "--yes", "--json", is_full=True)
    assert run.code == 74
    assert re.search(r"created flow.yaml 'flow' \(wf-\w+\), but the result cannot be written", run.err)
    assert invoke_unwritable("tools", "list", is_full=True).code == 69, "nothing was changed"


def test_a_reader_that_leaves_changes_no_exit_code_and_no_file(
    work: Path, monkeypatch: pytest.MonkeyPatch, emulator: Emulator
) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
    (work / "bad").mkdir()
    (work / "bad" / "bad.yaml").write_text("nodes: [{id: a, type: llmx}, {id: b, type: llmx}]\n", "utf-8")
    assert invoke("workflows", "create", "flow.yaml", "--name", "Greeter").code == 0
    workflow = json.loads(invoke("workflows", "update", "Greeter", "--description", "Greets").out)["id"]
    failed = json.loads(invoke("request", "POST", f"/workflows/{workflow}/execute", "--data", "{}").out)["execution_id"]

    def check(row: tuple[str, int]) -> None:
        line, code = row
        assert invoke_unwritable(*line.split(), is_full=False).code == code

    check_each(
        (
            ("validate bad", 64),
            ("validate bad --json", 64),
            ("validate bad --format github", 64),
            ("fmt bad/bad.yaml --check", 1),
            ("diff Greeter@1 Greeter", 1),
            ("plan . --out saved", 2),
            (f"executions watch {failed} --json", 1),
            ("doctor --profile nobody", 1),
        ),
        check,
    )
    assert json.loads((work / "saved").read_text("utf-8"))


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_read(
    work: Path, monkeypatch: pytest.MonkeyPatch, emulator: Emulator
) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
    check_refused(
        {
            "plan . --out no/plan.json": "--out no/plan.json: name a file in a folder that you can write to",
            "graph Greeter --out flow.yaml/x.svg": "--out flow.yaml/x.svg",
        }
    )
    assert emulator.requests.count == 0


class AnsweredCommand(NamedTuple):
    """A command, what the platform does with its request, the exit code that follows, and the seconds it may take."""

    command: str
    step: Step
    code: int
    timeout: float = 10.0


READ, WRITE = "tools get calculator", "workflows create --name x"
NO_REPLY: Step = lambda peer: peer.stall()  # noqa: E731
ANSWERS = {
    "a 400": AnsweredCommand(WRITE, respond(400, error_body("bad_request")), 1),
    "a 401": AnsweredCommand(READ, respond(401, error_body("unauthorized")), 4),
    "a 403": AnsweredCommand(READ, respond(403, error_body("forbidden")), 1),
    "a 404": AnsweredCommand(READ, respond(404, error_body("not_found")), 1),
    "a 409": AnsweredCommand("executions cancel exec_1", respond(409, error_body("conflict")), 1),
    "a 422": AnsweredCommand(WRITE, respond(422, error_body("validation_error")), 1),
    "a quota": AnsweredCommand("request POST /workflows/wf-1/execute", respond(429, error_body("quota_exceeded")), 1),
    "the rate limit": AnsweredCommand(WRITE, refusing(429, {"Retry-After": "3600"}), 69),
    "a 500 for a read": AnsweredCommand(READ, respond(500, error_body("internal")), 69),
    "a 501 for a write": AnsweredCommand(WRITE, respond(501, error_body("internal")), 75),
    "a redirect": AnsweredCommand(READ, respond(302, headers={"Location": "https://login.example/"}), 69),
    "a page of HTML": AnsweredCommand(READ, respond(200, b"<html>", content_type="text/html"), 69),
    "a broken read": AnsweredCommand(READ, raw_then_reset(b""), 69),
    "a read without a response": AnsweredCommand(READ, NO_REPLY, 69, 0.1),
    "a 500 for a write": AnsweredCommand(WRITE, respond(500, error_body("internal")), 75),
    "a write whose response is HTML": AnsweredCommand(WRITE, respond(200, b"<html>", content_type="text/html"), 75),
    "a broken write": AnsweredCommand(WRITE, raw_then_reset(b""), 75),
    "a write without a response": AnsweredCommand(WRITE, NO_REPLY, 75, 0.7),
}


@pytest.mark.usefixtures("work")
def test_what_the_platform_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBONACCI_MAX_RETRIES", "0")

    def check(row: AnsweredCommand) -> None:
        with ScriptedServer(row.step) as server:
            monkeypatch.setenv("FIBONACCI_API_KEY", server.api_key)
            monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
            monkeypatch.setenv("FIBONACCI_TIMEOUT", str(row.timeout))
            run = invoke(*row.command.split())
        assert (run.code, run.result, run.err.count("\n")) == (row.code, "", 1), run.err

    check_rows(ANSWERS.items(), check)


def test_the_guide_and_the_help_of_run_many_have_the_codes_of_the_table() -> None:
    table = {value for value in vars(exit_codes).values() if isinstance(value, int)} - {exit_codes.PLANNED}
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "run-rows-from-a-terminal.md").read_text("utf-8")
    cells = re.findall(r"^\| (\d[\d, ]*) \|", page, re.MULTILINE)
    signals = {exit_codes.SIGNALED + number for number in (1, 2, 15)}
    assert {int(number) for cell in cells for number in cell.split(", ")} == table - {exit_codes.SIGNALED} | signals
    text = " ".join(invoke("run-many", "--help").out.partition("Exit codes:")[2].partition("examples:")[0].split())
    stated = {int(number) for number in re.findall(r"(?:^|, )(\d+) [a-z]", text)}
    assert stated == table - {exit_codes.SIGNALED} | {exit_codes.SIGNALED + 2}
