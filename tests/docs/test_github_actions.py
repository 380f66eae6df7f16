"""The workflows of examples/github_actions: their steps work in a repository, and the guide shows them as they are."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fibonacci.emulator import Emulator
from tests.kit.systems import needs_shell
from tests.tools.markdown import ROOT
from tests.tools.reference.github_actions import GUIDE, WORKFLOWS, github_actions_guide

CHECK, DEPLOY, TWO = "check-workflows.yml", "deploy-workflows.yml", "deploy-to-two-environments.yml"


def parsed(file: str) -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load((WORKFLOWS / file).read_text("utf-8"))
    return workflow


def test_the_guide_shows_the_workflows_as_they_are() -> None:
    page = GUIDE.read_text("utf-8")
    assert github_actions_guide() == page, "python -m tests.tools.reference"
    assert page.count("```yaml\n") == 3
    assert {path.name for path in WORKFLOWS.iterdir()} == {CHECK, DEPLOY, TWO}
    assert [name for name in (CHECK, DEPLOY, TWO) if f"examples/github_actions/{name})" not in page] == []


def test_production_is_deployed_alike_with_and_without_staging() -> None:
    one, two = parsed(DEPLOY), parsed(TWO)
    staging = two["jobs"].pop("staging")
    assert two["jobs"]["plan"].pop("needs") == "staging"
    assert two == one
    assert staging["permissions"] == one["jobs"]["apply"]["permissions"]


def test_actions_are_pinned_as_those_of_this_repository() -> None:
    def used(folder: Path) -> set[str]:
        return {use for path in folder.iterdir() for use in re.findall(r"uses: (.+)", path.read_text("utf-8"))}

    assert len(used(WORKFLOWS)) == 4
    assert used(WORKFLOWS) <= used(ROOT / ".github" / "workflows")


FLOW = "name: triage\nnodes:\n- id: sort\n  type: llm\n  instruction: Sort {{input.mail}}\n"
COMMANDS = {
    "fibonacci": f'exec {shlex.quote(sys.executable)} -W error -m fibonacci.cli "$@"',
    "pip": '[ "$*" = "install fibonacci-sdk[yaml]" ]',
    "gh": 'echo "$*" >> "$HOME/calls"; case "$*" in *--paginate*) cat "$HOME/comment" 2>/dev/null || true;; esac',
}


class Clone:
    """A clone of a repository, in which the steps of jobs run in bash; `calls` in the home folder has those of `gh`."""

    def __init__(self, home: Path, emulator: Emulator) -> None:
        self.folder, self.output = home / "clone", home / "output"
        for name, line in COMMANDS.items():
            (home / name).write_text(f"#!/bin/bash\n{line}\n")
            (home / name).chmod(0o755)
        self._values = {
            "secrets.FIBONACCI_API_KEY": emulator.api_key,
            "vars.FIBONACCI_BASE_URL || 'https://api.fibonacci.dev/v1'": emulator.base_url,
            "github.event.pull_request.number": "7",
        }
        self._environment = {
            "PATH": f"{home}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "GITHUB_REPOSITORY": "team/flows",
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(home / "summary.md"),
        }
        self.bash("git init -q --bare -b main ../flows.git && git clone -q ../flows.git .", {}, home / "clone")
        self.bash("git config --global user.name Ada && git config --global user.email ada@example.com")

    def bash(self, script: str, variables: dict[str, str] | None = None, folder: Path | None = None) -> str:
        """Run a script, which must succeed; return what it prints."""
        self.folder.mkdir(exist_ok=True)
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        environment = {**self._environment, **(variables or {})}
        done = subprocess.run(command, check=False, cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def job(self, file: str, name: str) -> str:
        """Run the scripts of a job, all of which must succeed; return what it outputs."""
        self.output.write_text("")
        for step in parsed(file)["jobs"][name]["steps"]:
            if "run" in step:
                assert "${{" not in step["run"], "what is not of the workflow's text goes into a script by a variable"
                self.bash(step["run"], {key: self._value(text) for key, text in step.get("env", {}).items()})
        return self.output.read_text()

    def _value(self, expression: str) -> str:
        return self._values.get(expression.removeprefix("${{ ").removesuffix(" }}"), "")


@needs_shell
@pytest.mark.slow
def test_a_pull_request_is_checked_and_deployed(emulator: Emulator, tmp_path: Path) -> None:
    clone = Clone(tmp_path, emulator)
    (clone.folder / "flows").mkdir()
    (clone.folder / "flows" / "triage.yaml").write_text(FLOW)
    clone.bash("fibonacci fmt flows && git add . && git commit -qm Triage && git push -q origin HEAD:main")
    clone.job(CHECK, "definitions")
    clone.job(CHECK, "plan")
    assert "create" in (clone.folder / "comment.md").read_text("utf-8")
    (tmp_path / "comment").write_text("5\n")
    clone.job(CHECK, "plan")
    calls = [line for line in (tmp_path / "calls").read_text("utf-8").splitlines() if "--method" in line]
    comments = "repos/team/flows/issues"
    assert [call.split()[3:5] for call in calls] == [
        ["POST", f"{comments}/7/comments"],
        ["PATCH", f"{comments}/comments/5"],
    ]

    assert clone.job(DEPLOY, "plan") == "has-changes=true\n"
    clone.bash(
        "git clone -q ../flows.git ../other && cd ../other && git commit -q --allow-empty -m Other && git push -q"
    )
    clone.job(DEPLOY, "apply")  # whose state is rebased onto the other commit
    assert [each.name for each in emulator.client().workflows.list()] == ["triage"]
    log = clone.bash("git -C ../flows.git log --format=%s --name-only main -2").split("\n\n")
    assert log[0].startswith("Record the deployment to production")
    assert "Other" in log[1]
    assert clone.job(DEPLOY, "plan") == ""
