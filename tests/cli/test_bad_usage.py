"""What people mistype: one line on stderr, an exit code, and nothing on stdout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fibonacci.cli.main import main
from fibonacci.emulator import Emulator
from tests.cli.invocation import environment, invoke, spawn, use
from tests.kit.assertions import check_rows
from tests.kit.server import ScriptedServer
from tests.kit.systems import needs_shell

UPDATE = ["organizations", "tool-policies", "update", "acme", "wait"]
QUOTA = ["organizations", "quota", "update", "acme"]

USAGE: list[tuple[list[str], str]] = [
    (["--quiet"], "fibonacci: COMMAND is missing: see --help"),
    (["help", "workflow"], "fibonacci: unknown command 'workflow'. Did you mean 'workflows'?"),
    (["login"], "fibonacci: unknown command 'login'. Did you mean 'auth login'?"),
    (["rm", "Greeter"], "fibonacci: unknown command 'rm'. Did you mean 'workflows delete ID|NAME'?"),
    (["show", "Greeter"], "fibonacci: unknown command 'show'. Did you mean 'workflows get ID|NAME'?"),
    (["logs", "exec_1"], "fibonacci: unknown command 'logs'. Did you mean 'executions watch ID'?"),
    (["init"], "fibonacci: unknown command 'init'. Did you mean 'pull ID|NAME'?"),
    (["workflows", "rm", "x"], "fibonacci workflows: unknown command 'rm'. Did you mean 'delete'?"),
    (["workflows", "run", "x"], "fibonacci workflows: unknown command 'run'. Did you mean 'execute'?"),
    (["profiles", "rm", "x"], "fibonacci profiles: unknown command 'rm'. Did you mean 'remove'?"),
    (["run", "ID", '{"a": 1}'], "fibonacci run: unexpected argument '{\"a\": 1}'. Pass inputs with --inputs"),
    (["run", "Greeter", "name=Ada"], "fibonacci run: unexpected argument 'name=Ada'. Did you mean --input name=Ada?"),
    (["workflow"], "fibonacci: unknown command 'workflow'. Did you mean 'workflows'?"),
    (["workflows"], "fibonacci workflows: VERB is missing: see --help"),
    (["workflows", "gte", "x"], "fibonacci workflows: unknown command 'gte'. Did you mean 'get'?"),
    (["organizations", "quotas"], "fibonacci organizations: unknown command 'quotas'. Did you mean 'quota'?"),
    (["workflows", "get"], "fibonacci workflows get: ID|NAME is missing: see --help"),
    (
        ["workflows", "get", "a", "b"],
        "fibonacci workflows get: unexpected argument 'b'. A text with spaces needs quotes",
    ),
    (["workflows", "list", "--jso"], "fibonacci workflows list: unknown option '--jso'. Did you mean '--json'?"),
    (["workflows", "list", "--zzz=1"], "fibonacci workflows list: unknown option '--zzz'. --help lists the options"),
    (["--jsno", "workflows", "list"], "fibonacci: unknown option '--jsno'. Did you mean '--json'?"),
    (["workflows", "create"], "fibonacci workflows create: --name is missing: see --help"),
    (
        ["workflows", "list", "--limit"],
        "fibonacci workflows list: --limit needs a value. If it begins with -, write --limit=-x",
    ),
    (
        ["workflows", "get", "-x"],
        "fibonacci workflows get: ID|NAME is missing: see --help. Put one that begins with - after --",
    ),
    (["request"], "fibonacci request: METHOD, PATH are missing: see --help"),
    (["graph", "."], "fibonacci: '.' is a folder: pass one of its files"),
    (["workflows", "help"], "fibonacci workflows: unknown command 'help'. Did you mean '--help'?"),
    (
        ["workflows", "list", "--limit", "0"],
        "fibonacci workflows list: argument --limit: '0' is not a whole number of at least 1",
    ),
    (
        [*UPDATE, "--enabled", "maybe"],
        "fibonacci organizations tool-policies update: argument --enabled: 'maybe' is not true or false (or yes,"
        " no, on, off, 1 or 0)",
    ),
    (
        [*UPDATE, "--allowed-roles", "a,,b"],
        "fibonacci organizations tool-policies update: argument --allowed-roles: 'a,,b' has an empty name. Separate"
        " names with one comma",
    ),
    ([*UPDATE], "fibonacci: nothing to change: give at least one of enabled, allowed_roles"),
    (
        [*QUOTA, "--null", "memory-m"],
        "fibonacci: --null has the unknown name 'memory-m'. Did you mean 'memory-mb'?",
    ),
    (
        ["workflows", "update", "wf-1", "--null", "name"],
        "fibonacci: --null has the unknown name 'name': it is one of description, definition",
    ),
    (
        [*QUOTA, "--memory-mb", "1", "--null", "memory-mb"],
        "fibonacci: --null memory-mb and --memory-mb can't be combined: pass only one",
    ),
    (
        [*UPDATE, "--null", "allowed-roles"],
        "fibonacci organizations tool-policies update: unknown option '--null'. --help lists the options",
    ),
    (
        [*QUOTA, "--memory-mb", "null"],
        "fibonacci organizations quota update: argument --memory-mb: 'null' is not a whole number."
        " To send null, use --null NAME",
    ),
    (
        ["memory", "set", "k", "1", "--ttl", "soon"],
        "fibonacci memory set: argument --ttl: 'soon' is not a time such as 90 (seconds), 90s, 1h30m or 2d",
    ),
    (
        ["memory", "set", "k", "1", "--scope", "globl"],
        "fibonacci memory set: argument --scope: unknown word 'globl'. Did you mean 'global'?",
    ),
    (
        ["memory", "set", "k", "hello"],
        "fibonacci memory set: argument VALUE: the argument is not JSON (line 1, column 1: Expecting value). A string"
        " needs double quotes inside the single ones: '\"text\"'",
    ),
    (
        ["workflows", "execute", "wf-1", "--inputs", "[1]"],
        "fibonacci workflows execute: argument --inputs: it must be a JSON object such as"
        ' \'{"name": "Ada"}\', not an array',
    ),
    (
        ["workflows", "execute", "wf-1", "--inputs", "@missing.json"],
        "fibonacci workflows execute: argument --inputs: missing.json: No such file or directory",
    ),
    (
        ["workflows", "create", "--name", "x", "--definition", "@missing.yaml"],
        "fibonacci workflows create: argument --definition: missing.yaml: No such file or directory",
    ),
    (
        ["workflows", "create", "--name", "x", "--definition", "@faulty.yaml"],
        "fibonacci workflows create: argument --definition: faulty.yaml:2:17: nodes[0].type: error: ",
    ),
    (
        ["executions", "list", "--status", "compleeted"],
        "fibonacci executions list: argument --status: unknown word 'compleeted'. Did you mean 'completed'?",
    ),
    (["workflows", "get", ".."], "fibonacci: workflow_id "),
    (["workflows", "delete", "wf-1"], "fibonacci: Delete 'wf-1'? Pass --yes: there is no terminal to ask on"),
]


def test_each_wrong_use_exits_64_with_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, server: ScriptedServer, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIBONACCI_API_KEY", server.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
    Path("faulty.yaml").write_text("nodes:\n- {id: x, type: lm}\n", "utf-8")

    def check(row: tuple[list[str], str]) -> None:
        arguments, message = row
        run = invoke(*arguments)
        assert (run.code, run.out) == (64, "")
        assert run.err.startswith(message)
        assert run.err.count("\n") == 1
        assert server.requests == []

    check_rows(((" ".join(row[0]), row) for row in USAGE), check)


@pytest.mark.parametrize(("value", "sent"), [("paused", "paused"), ("failed", "failed")])
def test_a_word_that_only_the_platform_knows_is_sent(
    monkeypatch: pytest.MonkeyPatch, server: ScriptedServer, value: str, sent: str
) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", server.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
    server.add_response({"data": []})
    assert invoke("executions", "list", "--status", value).code == 0
    assert server.requests[0].target == f"/v1/executions?status={sent}"


class TestProcesses:
    """In processes of their own, as a shell runs them."""

    def test_credentials(self, emulator: Emulator, tmp_path: Path) -> None:
        run = spawn("workflows", "list", env={**environment(emulator, tmp_path), "FIBONACCI_API_KEY": "wrong"})
        assert (run.code, run.out, run.err.count("\n")) == (4, "", 1)
        assert "status 401" in run.err

    @pytest.mark.parametrize("command", [["workflows", "list", "--all"], ["--help"]])
    def test_a_reader_that_leaves(self, emulator: Emulator, tmp_path: Path, command: list[str]) -> None:
        with emulator.client() as client:
            for index in range(3):
                client.workflows.create(name=f"w{index}")
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "fibonacci.cli", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(emulator, tmp_path),
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(30)) == (b"", 0)
        process.stderr.close()

    @needs_shell
    @pytest.mark.parametrize(
        ("redirection", "code", "message"),
        [
            (">/dev/full", 69, "fibonacci: No space left on device\n"),
            (">&-", 0, ""),
            ("<&-", 0, ""),
        ],
    )
    def test_standard_streams(
        self, emulator: Emulator, tmp_path: Path, redirection: str, code: int, message: str
    ) -> None:
        with emulator.client() as client:
            client.workflows.create(name="w")
        command = f'"{sys.executable}" -W error -m fibonacci.cli workflows list {redirection}'
        run = subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, text=True, env=environment(emulator, tmp_path)
        )
        assert (run.returncode, run.stderr) == (code, message)

    def test_an_encoding_that_has_no_such_letters(self, emulator: Emulator, tmp_path: Path) -> None:
        with emulator.client() as client:
            client.memory.set("k", "Grüße 日本", scope="global")
        env = {**environment(emulator, tmp_path), "PYTHONIOENCODING": "ascii"}
        run = spawn("memory", "get", "k", "--scope", "global", "--fields", "value", env=env)
        assert (run.code, run.data, run.err) == (0, {"value": "Grüße 日本"}, "")
        assert run.out.isascii()


CLOSED_STDIN = {
    "validate -": "1 file: 1 error, 0 warnings",
    "fmt -": "<stdin>:1:1: error: the text is empty",
    "graph -": "<stdin>:1:1: error: the text is empty",
    "run x --inputs -": "argument --inputs: stdin is not JSON",
    "run x --input name:=@-": "argument --input: name: stdin is not JSON",
    "run-many x - --estimate": "<stdin>: it has no rows",
    "workflows delete x": "Pass --yes: there is no terminal to ask on",
    "mcp": "stdin is closed, but an MCP client needs it",
}


def test_a_closed_stdin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: ScriptedServer
) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", server.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
    monkeypatch.setattr("sys.stdin", None)  # as in a process that was started without one

    def check(row: tuple[str, str]) -> None:
        line, message = row
        try:
            code = main(line.split())
        except SystemExit as exit:
            code = int(exit.code or 0)
        assert code == 64
        assert message in capsys.readouterr().err
        assert server.requests == []

    check_rows(((line, (line, message)) for line, message in CLOSED_STDIN.items()), check)


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("http://127.0.0.1:9/v1", 69, "no connection to 127.0.0.1:9"),
        ("http://example.com/v1", 64, "unencrypted. Use https\n"),
    ],
)
def test_addresses(monkeypatch: pytest.MonkeyPatch, url: str, code: int, message: str) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", "key")
    monkeypatch.setenv("FIBONACCI_BASE_URL", url)
    monkeypatch.setenv("FIBONACCI_MAX_RETRIES", "0")
    run = invoke("workflows", "list")
    assert (run.code, run.out, run.err.count("\n")) == (code, "", 1)
    assert message in run.err


def test_debug_shows_each_attempt(monkeypatch: pytest.MonkeyPatch, emulator: Emulator, tmp_path: Path) -> None:
    use(monkeypatch, emulator, tmp_path)
    run = invoke("executions", "get", "missing", "--debug")
    assert (run.code, run.out) == (1, "")
    lines = run.err.splitlines()
    assert "DEBUG fibonacci: GET /executions/missing: attempt 1: status 404" in lines[0]
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1].startswith("fibonacci: GET /executions/missing: status 404")
    assert emulator.api_key not in run.err
    assert invoke("workflows", "get", "missing").err.count("\n") == 1
