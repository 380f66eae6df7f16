"""`fibonacci completion`: the scripts in real shells, which ask the command; and what the command answers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from fibonacci.cli import completing
from fibonacci.cli.main import COMPLETE
from fibonacci.emulator import Emulator
from tests.cli.invocation import environment, invoke, use
from tests.kit.nodes import tool
from tests.kit.programs import find

HOSTILE = [
    "Two words",
    "Quote ' and \" and \\",
    "in:$(touch broken);`touch broken`",
    "same=sign",
    "touch;touch broken",
    "*any",
    "~home",
    "#hash",
]
"""Names that a shell would not take as they are."""
UNTYPED = ["a\nwf-none", "a\ttab", "-dash", "\x1b[2Jgone", "twice", "twice"]
"""Names that cannot be used on a command line, so that the ID is completed."""

PROGRAM = """\
#!/bin/sh
if [ "$1" = {complete} ]; then
    printf '%s\\0' "$@" > "$0.$$"
    mkfifo "$0.$$.answer"
    echo "$0.$$" > {asked}
    cat "$0.$$.answer"
else
    printf '<%s>' "$@"
    echo DONE
fi
"""
"""What a shell runs as `fibonacci`: it asks this process for completions, and prints the arguments of other calls."""

Complete = Callable[[str], list[str]]


def completed(*words: str) -> list[str]:
    """Return the words that are offered for the last one."""
    run = invoke(COMPLETE, "words", *words)
    assert (run.code, run.err) == (0, "")
    return [line.partition("\t")[0] for line in run.out.splitlines()[1:]]


def answer(asked: Iterable[str]) -> None:
    """Answer what the programs of a shell ask, here: a process for each answer would take most of the time.

    Args:
        asked: The files with the words that they ask about. An empty line is the end.
    """
    for line in asked:
        if not (name := line.strip()):
            return
        _, *words = Path(name).read_text("utf-8").split("\0")[:-1]
        Path(f"{name}.answer").write_text(invoke(COMPLETE, *words).out, "utf-8")


@pytest.fixture
def complete(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, emulator: Emulator, tmp_path: Path
) -> Iterator[Complete]:
    """Return a function that types a line and a Tab in a shell, and returns the arguments that a command gets."""
    shell: str = request.param
    find(shell)
    pexpect: Any = import_module("pexpect")
    work, program, script = tmp_path / "work", tmp_path / "fibonacci", tmp_path / "script"
    work.mkdir()
    for name in ("rows file.csv", "$(touch broken).csv"):
        (work / name).touch()
    monkeypatch.setattr(completing, "SECONDS", 60)
    use(monkeypatch, emulator, tmp_path)
    asked = tmp_path / "asked"
    os.mkfifo(asked)
    program.write_text(PROGRAM.format(complete=COMPLETE, asked=asked))
    program.chmod(0o755)
    script.write_text(invoke("completion", shell).out)
    (tmp_path / ".zshrc").write_text(f"autoload -Uz compinit && compinit -u\nsource {script}\nPS1='> '\n")
    (tmp_path / "rc").write_text(f"source {script}\nPS1='> '\nbind 'set enable-bracketed-paste off'\n")
    (tmp_path / "rc.fish").write_text(f"source {script}\nfunction fish_prompt; echo -n '> '; end\nset fish_greeting\n")
    arguments = {
        "bash": ["--noprofile", "--rcfile", f"{tmp_path}/rc", "-i"],
        "zsh": ["-i"],
        "fish": ["--no-config", "-i", "-C", f"source {tmp_path}/rc.fish"],
    }
    variables = environment(emulator, tmp_path) | {
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "LANG": "C.UTF-8",
        "TERM": "xterm" if shell == "fish" else "dumb",
    }
    child = pexpect.spawn(
        shell, arguments[shell], env=variables, cwd=work, timeout=60, encoding="utf-8", dimensions=(40, 200)
    )

    def press(line: str) -> list[str]:
        child.send(f"fibonacci {line}\t\r")
        child.expect(r"[\r\n]<([^\r\n]*)>DONE\r")
        typed: str = child.match[1]
        return typed.split("><")

    with os.fdopen(os.open(asked, os.O_RDWR)) as lines, ThreadPoolExecutor() as threads:
        answering = threads.submit(answer, lines)
        try:
            child.expect_exact("> ")
            yield press
            assert sorted(path.name for path in work.iterdir()) == ["$(touch broken).csv", "rows file.csv"]
        finally:
            child.close(force=True)
            asked.write_text("\n")
            answering.result()


@pytest.mark.slow
@pytest.mark.parametrize("complete", ["bash", "zsh", "fish"], indirect=True)
def test_a_shell_completes_words_paths_and_hostile_names(complete: Complete, emulator: Emulator) -> None:
    client = emulator.client()
    for name in (*HOSTILE, "Greeter", "a\nwf-none", "a\ttab"):
        client.workflows.create(name=name)
    assert complete("executions list --status=f") == ["executions", "list", "--status=failed"]
    assert complete("run-many Greeter --out=row") == ["run-many", "Greeter", "--out=rows file.csv"]
    assert complete("run 'Two") == ["run", "Two words"]
    assert complete("run Quo") == ["run", "Quote ' and \" and \\"]
    assert complete("run in:") == ["run", "in:$(touch broken);`touch broken`"]


def test_commands_options_and_words() -> None:
    assert completed("ru") == ["run", "run-many"]
    assert completed("help", "ru") == ["run", "run-many"]
    assert completed("--profile", "x", "auth", "log") == ["login", "logout"]
    assert completed("run", "--in") == ["--inputs", "--input"]
    assert completed("dev", "--plan", "") == ["free", "pro", "enterprise"]
    assert completed("dev", "--plan=e") == ["--plan=enterprise"]
    assert completed("executions", "list", "--status", "f") == ["failed"]
    assert completed("executions", "tail", "--status", "f") == ["failed"]
    assert completed("memory", "get", "k", "--scope", "") == ["workflow", "user", "organization", "global"]
    assert completed("journal", "rows", "runs.db", "--status", "u") == ["unknown"]
    assert COMPLETE not in completed("")


def test_fields_of_what_a_command_prints() -> None:
    assert completed("workflows", "list", "--fields", "na") == ["name"]
    assert completed("workflows", "list", "--fields", "id,name,st") == ["id,name,status"]
    assert "id" not in completed("workflows", "list", "--fields=id,")
    assert completed("run", "Greeter", "--fields", "out") == ["outputs"]
    assert completed("run-many", "--fields", "ke") == ["key"]
    assert completed("journal", "status", "runs.db", "--fields", "wo") == ["workflow_id"]
    assert completed("request", "GET", "/tools", "--fields", "n") == []


def test_versions_of_a_workflow(platform: Emulator) -> None:
    client = platform.client()
    made = client.workflows.create(name="Greeter", definition={"nodes": [tool("rest", "wait", {"seconds": 1})]}).id
    client.workflows.update(made, description="Rests")
    for workflow in (made, "Greeter"):
        assert completed("versions", "rollback", workflow, "") == ["2", "1"]
        assert completed("versions", "get", workflow, "1") == ["1"]
    assert completed("versions", "get", "nothing", "") == []


def test_names_and_ids_of_workflows(platform: Emulator) -> None:
    client = platform.client()
    ids = [client.workflows.create(name=name).id for name in (*UNTYPED, platform.api_key)]
    named = client.workflows.create(name="Greeter").id
    assert set(completed("run", "")) == {"Greeter", *ids}
    assert completed("run", named) == [named]
    for words in [
        ("workflows", "get"),
        ("versions", "list"),
        ("registry", "archive"),
        ("executions", "list", "--workflow"),
        ("memory", "get", "x", "--workflow"),
        ("run",),
        ("run-many",),
        ("mcp", "--allow"),
        ("pull",),
        ("graph",),
        ("diff", "a.yaml"),
    ]:
        assert completed(*words, "Gr") == ["Greeter"], words
    assert completed("mcp", "--allow", "Greeter", "Gr") == ["Greeter"]
    assert completed("mcp", "--allow", "Greeter", "--ht") == ["--http"]
    assert completed("mcp", "--allow", "Greeter", "--http", "8000", "Gr") == []
    assert platform.api_key not in invoke(COMPLETE, "words", "run", "").out


def test_what_bash_puts_into_the_line_is_the_name(platform: Emulator, folder: Path) -> None:
    client = platform.client()
    for name in HOSTILE:
        client.workflows.create(name=name)
    lines = invoke(COMPLETE, "bash", "fibonacci run ", "").out.splitlines()[1:]
    run = subprocess.run([find("bash"), "-c", f"printf '%s\\n' {' '.join(lines)}"], capture_output=True, text=True)
    assert (sorted(run.stdout.splitlines()), run.stderr) == (sorted(HOSTILE), "")
    assert list(folder.iterdir()) == []
    quoted = invoke(COMPLETE, "bash", "fibonacci run 'Tw", "Tw")
    assert quoted.out == "words\nTwo words\n"  # bash ends the quote
    assert invoke(COMPLETE, "bash", 'fibonacci run "in:', "").out == "words\n"  # quotes do not keep it from running
    assert invoke(COMPLETE, "bash", "fibonacci run same=s", "s").out == "words\nsign\n"


def test_ids_of_executions(platform: Emulator) -> None:
    client = platform.client()
    workflow = client.workflows.create(name="Greeter", definition={"nodes": [tool("greet", "clock.now")]})
    execution = client.workflows.execute(workflow.id).id
    for words in [("executions", "get"), ("executions", "watch"), ("graph", "Greeter", "--execution")]:
        assert completed(*words, "") == [execution], words


def test_profiles_environments_and_paths(platform: Emulator, folder: Path) -> None:
    assert invoke("profiles", "add", "staging").code == 0
    assert completed("doctor", "--profile", "") == ["staging"]
    assert completed("profiles", "use", "s") == ["staging"]
    for name in ("prod", "qa\nprod"):
        (folder / "flows" / ".fibonacci" / name).mkdir(parents=True)
    assert completed("apply", "flows", "--environment", "") == ["prod"]
    (folder / "greeter.yaml").touch()
    assert invoke(COMPLETE, "words", "graph", "gr").out == "files\n"
    assert invoke(COMPLETE, "words", "validate", "").out == "files\n"
    assert invoke(COMPLETE, "words", "apply", "").out == "folders\n"
    assert invoke(COMPLETE, "words", "dev", "--seed", "").out == "folders\n"


def test_without_a_key_nothing_is_sent_and_failures_are_silence(
    platform: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.client().workflows.create(name="Greeter")
    for variable, value in [("FIBONACCI_API_KEY", ""), ("FIBONACCI_BASE_URL", "no")]:
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            assert completed("run", "") == []
    assert platform.requests.to("GET /workflows").count == 0
    assert invoke(COMPLETE).out == invoke(COMPLETE, "bash", "run").out == ""
