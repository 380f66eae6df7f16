"""`fibonacci completion`: the scripts, in real shells."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.cli.invocation import invoke
from tests.kit.programs import find

BASH = """
source "$1"
COMP_WORDS=(fibonacci "${@:2}") COMP_CWORD=$(($# - 1)) COMP_LINE="fibonacci ${*:2}" COMP_POINT=${#COMP_LINE}
$(complete -p fibonacci | sed 's/.*-F \\([^ ]*\\).*/\\1/') fibonacci "${COMP_WORDS[COMP_CWORD]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shell: str = request.param
    find(shell)
    run = invoke("completion", shell)
    assert (run.code, run.err) == (0, "")
    path = tmp_path / f"completion.{shell}"
    path.write_text(run.out)
    return path


def completed_by_bash(script: Path, *words: str) -> set[str]:
    run = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", str(script), *words], capture_output=True, text=True, cwd=script.parent
    )
    assert run.stderr == ""
    return set(run.stdout.split())


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_bash_completes_commands_options_and_files(script: Path) -> None:
    (script.parent / "rows.csv").touch()
    assert completed_by_bash(script, "ru") == {"run", "run-many"}
    assert completed_by_bash(script, "run", "--in") == {"--inputs", "--input"}
    assert completed_by_bash(script, "auth", "log") == {"login", "logout"}
    assert "--profile" in completed_by_bash(script, "auth", "login", "--pro")
    assert completed_by_bash(script, "dev", "--plan", "") == {"free", "pro", "enterprise"}
    assert completed_by_bash(script, "completion", "") >= {"bash", "fish", "zsh"}
    assert "--no-color" in completed_by_bash(script, "run-many", "--no")
    assert completed_by_bash(script, "run-many", "Greeter", "--out", "ro") == {"rows.csv"}


@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish_completes_commands_and_options(script: Path) -> None:
    def completed(line: str) -> set[str]:
        program = f"source {script}; complete --do-complete '{line}'"
        run = subprocess.run(
            ["fish", "--no-config", "-c", program], capture_output=True, text=True, env={"HOME": str(script.parent)}
        )
        assert run.stderr == ""
        return {line.split("\t")[0] for line in run.stdout.splitlines()}

    assert completed("fibonacci ru") == {"run", "run-many"}
    assert completed("fibonacci run --in") >= {"--inputs", "--input"}
    assert completed("fibonacci dev --plan ") >= {"free", "pro", "enterprise"}


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh_completes_commands_and_options(script: Path) -> None:
    pexpect: Any = import_module("pexpect")
    home = script.parent
    (home / ".zshrc").write_text(
        f"autoload -Uz compinit && compinit -u\neval \"$(cat {script})\"\nPS1='> '\nfibonacci() {{ : }}\n"
    )
    shell = pexpect.spawn("zsh", ["-i"], env={"HOME": str(home), "TERM": "dumb", "PATH": "/usr/bin:/bin"}, timeout=20)
    try:
        shell.expect_exact("> ")
        shell.send("fibonacci dev --plan en\t")
        shell.expect_exact("enterprise")
        shell.send("\x15fibonacci compl\t")
        shell.expect_exact("completion")
    finally:
        shell.close(force=True)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    monkeypatch.delitem(sys.modules, "fibonacci.cli.commands.completion", raising=False)
    run = invoke("completion", "bash")
    assert (run.code, run.out) == (64, "")
    assert run.err == "fibonacci: completion needs shtab: pip install 'fibonacci-sdk[completion]'\n"


def test_another_shell() -> None:
    run = invoke("completion", "bsh")
    assert (run.code, run.out) == (64, "")
    assert run.err == "fibonacci completion: unknown value for SHELL 'bsh'; did you mean 'bash'?\n"
