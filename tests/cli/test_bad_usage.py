"""What people mistype: one line on stderr, an exit code, and nothing on stdout."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from fibonacci.cli.main import main
from fibonacci.emulator import Emulator
from tests.cli.invocation import check_refused, environment, invoke, invoke_unwritable, use
from tests.kit.assertions import check_rows
from tests.kit.nodes import llm
from tests.kit.server import ScriptedServer
from tests.kit.systems import linux_only, needs_shell

UPDATE = "organizations tool-policies update acme wait"
QUOTA = "organizations quota update acme"

USAGE = {
    "--quiet": "fibonacci: COMMAND is missing: see --help",
    "help workflow": "unknown command 'workflow'. Did you mean 'workflows'?",
    "workflows rm x": "fibonacci workflows: unknown command 'rm': it is one of list, get, create",
    "workflows run x": "fibonacci workflows: unknown command 'run'. Did you mean 'fibonacci run ID|NAME",
    "workflows": "fibonacci workflows: VERB is missing: see --help",
    "organizations quotas": "fibonacci organizations: unknown command 'quotas'. Did you mean 'quota'?",
    "workflows help": "unknown command 'help'. Did you mean '--help'?",
    """run ID '{"a": 1}'""": "unexpected argument '{\"a\": 1}'. Pass inputs with --inputs",
    "run Greeter name=Ada": "unexpected argument 'name=Ada'. Did you mean --input name=Ada?",
    "workflows get": "fibonacci workflows get: ID|NAME is missing: see --help",
    "workflows get -x": "ID|NAME is missing: see --help. Put one that begins with - after --",
    "workflows get a b": "unexpected argument 'b'. A text with spaces needs quotes",
    "request": "METHOD, PATH are missing: see --help",
    "graph .": "'.' is a folder: pass one of its files",
    "workflows list --jso": "unknown option '--jso'. Did you mean '--json'?",
    "workflows list --zzz=1": "unknown option '--zzz'. --help lists the options",
    "--jsno workflows list": "fibonacci: unknown option '--jsno'. Did you mean '--json'?",
    "workflows create": "create needs a name: pass --name NAME, or a FILE that has one",
    "workflows list --limit": "--limit needs a value. If it begins with -, write --limit=-x",
    "workflows list --limit 0": "argument --limit: '0' is not a whole number of at least 1",
    "workflows list --limit 2 --all": "--all and --limit can't be combined: pass only one",
    "workflows list --fields nam": "--fields has the unknown name 'nam'. Did you mean 'name'?",
    "--fields id,,name workflows list": "'id,,name' has an empty name. Separate names with one comma",
    "request GET /health --data {": "argument --data: the argument is not JSON (line 1, column 2: Expecting property",
    "workflows get ''": "ID|NAME must not be '', which would reach another endpoint",
    "tools get ..": "TOOL_NAME must not be '..', which would reach another endpoint",
    "run ''": "NAME must be the name of a workflow, not ''",
    f"{UPDATE}": "nothing to change: give at least one of --enabled, --allowed-roles",
    f"{UPDATE} --enabled maybe": "--enabled: 'maybe' is not true or false (or yes, no, on, off, 1 or 0)",
    f"{UPDATE} --allowed-roles a,,b": "'a,,b' has an empty name. Separate names with one comma",
    f"{UPDATE} --null allowed-roles": "unknown option '--null'. --help lists the options",
    f"{QUOTA} --null memory-m": "--null has the unknown name 'memory-m'. Did you mean 'memory-mb'?",
    "workflows update wf-1 --null name": "unknown name 'name': it is one of description, definition",
    f"{QUOTA} --memory-mb 1 --null memory-mb": "--null memory-mb and --memory-mb can't be combined: pass only one",
    f"{QUOTA} --memory-mb null": "--memory-mb: 'null' is not a whole number. To send null, use --null NAME",
    "memory set k NaN": "value is nan, which JSON cannot represent. Use null (None) or a finite number",
    "memory set k 1 --ttl soon": "--ttl: 'soon' is not a time such as 90 (seconds), 90s, 1h30m or 2d",
    "memory set k 1 --scope globl": "--scope: unknown word 'globl'. Did you mean 'global'?",
    "memory set k hello": """A string needs double quotes inside the single ones: '"text"'""",
    "tools connect x --params [1]": """--params: it must be a JSON object such as '{"name": "Ada"}', not an array""",
    "tools connect x --params @missing.json": "argument --params: missing.json: No such file or directory",
    "workflows create --name x --definition @missing.yaml": "missing.yaml: No such file or directory",
    "workflows create flow.json --definition {}": "create takes FILE or --definition, not both",
    "executions list --status compleeted": "--status: unknown word 'compleeted'. Did you mean 'completed'?",
    "executions tail --status complete": "--status: unknown word 'complete'. Did you mean 'completed'?",
    "executions list --since yesterday": "--since: 'yesterday' is neither a period such as 30m, 1h or 2d nor a time",
    "executions list --since 999999999d": "is neither a period such as 30m, 1h or 2d nor a time such as",
    "workflows delete wf-1": "Delete 'wf-1'? Pass --yes: there is no terminal to ask on",
    "versions rollback Big 1": "Roll back 'Big' to version '1'? Pass --yes: there is no terminal to ask on",
    "completion bsh": "unknown value for SHELL 'bsh'. Did you mean 'bash'?",
    "graph": "pass a FILE, an ID or a NAME, or --execution ID",
    "graph nope.yaml": "nope.yaml: No such file or directory",
    "graph a.yaml --out a.gif": "--out 'a.gif' names no format: end it with .svg, .png or .mmd, or pass --format",
    "graph a.yaml --out - --format svg": "--out takes a file. Without it, the diagram goes to stdout",
    "diff - -": "only one of the two can be stdin",
    "validate nope.yaml": "there is no file or folder 'nope.yaml'",
    "validate flow.txt": "the name of a definition file must end with .yaml, .yml or .json",
    "profiles lst": "unknown command 'lst'. Did you mean 'list'?",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> ScriptedServer:
    """Return a server that the command is pointed to."""
    monkeypatch.setenv("FIBONACCI_API_KEY", server.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
    return server


def test_each_wrong_use_exits_64_with_what_is_wrong_and_sends_nothing(server: ScriptedServer, folder: Path) -> None:
    (folder / "flow.json").write_text(json.dumps({"name": "x", "nodes": [llm("a", "x")]}))
    (folder / "flow.txt").touch()
    check_refused(USAGE)
    assert server.requests == []


def test_a_word_that_only_the_platform_knows_is_sent(server: ScriptedServer) -> None:
    server.add_response({"data": []})
    assert invoke("executions", "list", "--status", "paused").code == 0
    assert server.requests[0].target == "/v1/executions?status=paused"


@needs_shell
def test_a_reader_that_leaves(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "fibonacci.cli", "--help"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(None, tmp_path)
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(30)) == (b"", 0)


@linux_only
def test_a_stdout_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], emulator: Emulator, tmp_path: Path
) -> None:
    use(monkeypatch, emulator, tmp_path)
    emulator.client().workflows.create(name="w")
    emulator.client().memory.set("k", 1)
    line = ("workflows", "list")
    assert invoke_unwritable(*line, is_full=True) == (69, "", "fibonacci: No space left on device\n")
    assert invoke_unwritable(*line, is_full=False) == (0, "", "")
    with redirect_stdout(None):  # as in a process that was started without one
        closed = "fibonacci: the command has worked, but the result cannot be written: stdout is closed\n"
        assert (main(line), capsys.readouterr().err) == (74, closed)
        assert main(("workflows", "create", "--name", "v")) == 74
        assert re.fullmatch(r"fibonacci: .* \(wf-\w+\), but the result .*: stdout is closed\n", capsys.readouterr().err)
        assert (main(("memory", "delete", "k", "--yes", "--quiet")), capsys.readouterr().err) == (0, "")
        assert main(("executions", "get", "missing", "--json")) == 1
        assert (main(["mcp"]), capsys.readouterr().err.count("stdout is closed, but an MCP client needs it")) == (64, 1)


def test_an_encoding_that_has_no_such_letters(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator, tmp_path: Path
) -> None:
    use(monkeypatch, emulator, tmp_path)
    emulator.client().memory.set("k", "Grüße 日本", scope="global")
    with io.TextIOWrapper(io.BytesIO(), "ascii") as out, redirect_stdout(out):
        assert main(["memory", "get", "k", "--scope", "global", "--fields", "value"]) == 0
        out.seek(0)
        assert json.load(out) == {"value": "Grüße 日本"}


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
