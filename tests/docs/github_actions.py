"""The workflows of examples/github_actions, run as GitHub runs them: their steps in bash, in clones of a repository.

`actions/checkout` clones, artifacts are folders, an approval is a call, and `pip` does nothing. `fibonacci` is the
command of this environment, and `gh` a stand-in that has the comments of one pull request.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.tools.markdown import ROOT
from tests.tools.reference.github_actions import WORKFLOWS

NAME = "team/flows"

_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
_TOKEN = re.compile(r"'[^']*'|[\w-]+(?:\.[\w-]+)*(?:\(\))?|&&|\|\||[!=]=|[!()]|\s+")
_OPERATORS = {"&&": " and ", "||": " or ", "!": " not "}
_STATUS = ("always()", "cancelled()", "failure()", "success()")

_COMMANDS = {
    "fibonacci": f'exec {shlex.quote(sys.executable)} -W error -m fibonacci.cli "$@"\n',
    "pip": '[ "$*" = "install fibonacci-sdk[yaml]" ]\n',
    "gh": """\
: "${GH_TOKEN:?}"
echo "$*" >> "$STAND_IN/calls"
case "$*" in
  "auth setup-git") ;;
  "api --paginate repos/team/flows/issues/"*"/comments --jq "*)
    mark=$(echo "$*" | sed 's/.*startswith("\\(.*\\)").*/\\1/')
    grep -slF -- "$mark" "$STAND_IN"/comment-* | sed 's/.*comment-//' || true ;;
  "api --silent --method PATCH repos/team/flows/issues/comments/"*" --field body=@"*)
    id=${5##*/}; [ -e "$STAND_IN/comment-$id" ]; cp "${7#body=@}" "$STAND_IN/comment-$id" ;;
  "api --silent --method POST repos/team/flows/issues/"*"/comments --field body=@"*)
    cp "${7#body=@}" "$STAND_IN/comment-$(ls "$STAND_IN" | wc -l)" ;;
  *) echo "the stand-in for gh does not know: $*" >&2; exit 1 ;;
esac
""",
}


@dataclass(frozen=True, slots=True)
class RepositoryEnvironment:
    """An environment of the repository, as its settings have it."""

    secrets: Mapping[str, str]
    variables: Mapping[str, str]
    approve: Callable[[], object] | None = None
    """Called before a job of the environment begins; None needs no approval."""


@dataclass
class HostedRepository:
    """A repository on a server, with workflows and environments, and its one pull request at a time.

    Args:
        folder: An empty folder.
        environments: The environments by name.
        say: Called with what happens, a line or more.
    """

    folder: Path
    environments: Mapping[str, RepositoryEnvironment]
    say: Callable[[str], object]
    after_checkout: Callable[[], object] | None = None
    """What happens in the repository while a job runs."""

    def __post_init__(self) -> None:
        self.remote: Path = self.folder / "flows.git"
        self.stand_in: Path = self.folder / "gh"
        self.stand_in.mkdir()
        commands = self.folder / "bin"
        commands.mkdir()
        for name, text in _COMMANDS.items():
            (commands / name).write_text(f"#!/bin/bash\nset -eo pipefail\n{text}")
            (commands / name).chmod(0o755)
        self._environment = {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": str(ROOT),
            "STAND_IN": str(self.stand_in),
        }
        self.git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))

    def git(self, folder: Path, *arguments: str) -> str:
        """Run git; return what it prints."""
        return self._checked(["git", *arguments], folder, self._environment)

    def clone(self, name: str) -> Path:
        """Return a clone for a person."""
        self.git(self.folder, "clone", "--quiet", str(self.remote), name)
        self.git(self.folder / name, "config", "user.name", name)
        self.git(self.folder / name, "config", "user.email", f"{name}@example.com")
        return self.folder / name

    def log(self) -> list[str]:
        """Return the subjects of the commits of `main`, the newest first."""
        return self.git(self.remote, "log", "--first-parent", "--format=%s", "main").splitlines()

    @property
    def comments(self) -> list[str]:
        """The comments on the pull request."""
        return [path.read_text("utf-8") for path in sorted(self.stand_in.glob("comment-*"))]

    def person(self, folder: Path, command: str, environment: str) -> str:
        """Run a line in the terminal of a person who has the key of an environment; it must succeed."""
        self.say(f"$ {command}")
        variables = {**self.environments[environment].secrets, **self.environments[environment].variables}
        printed = self._checked(["bash", "-eo", "pipefail", "-c", command], folder, self._environment | variables)
        self.say(printed)
        return printed

    def _checked(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
        done = _run(command, folder, environment)
        assert done.returncode == 0, f"{command} exits {done.returncode}\n{done.stdout}"
        return done.stdout

    def trigger(
        self,
        file: str,
        branch: str = "main",
        *,
        inputs: Mapping[str, Any] | None = None,
        head: str = NAME,
        only: str | None = None,
    ) -> dict[str, str]:
        """Run a workflow.

        Args:
            file: Its file.
            branch: The branch of a pull request; `main` for a deployment.
            inputs: What a run by hand is given.
            head: The repository that the pull request is from.
            only: The job that is run; None for all.

        Returns:
            The result of each job.
        """
        workflow = yaml.safe_load((WORKFLOWS / file).read_text("utf-8"))
        self.last_run: Path = self.folder / f"run-{len([*self.folder.glob('run-*')])}"
        event = {"pull_request": {"number": "7", "head": {"repo": {"full_name": head}}}}
        github = {"event": event, "repository": NAME, "token": "token-of-the-job"}
        contexts = {"github": github, "inputs": inputs or {}}
        run = WorkflowRun(self, self.last_run, branch, contexts, self._environment)
        results: dict[str, str] = {}
        for name, job in workflow["jobs"].items():
            if only in (None, name):
                results[name] = run.job(name, job)
                self.say(f"  job {name}: {results[name]}")
        return results


class WorkflowRun:
    """One run of a workflow.

    Args:
        repository: The repository.
        folder: Where its clones, artifacts and files are.
        branch: What it runs for.
        contexts: What expressions have of the event.
        environment: The variables that every step has.
    """

    def __init__(
        self,
        repository: HostedRepository,
        folder: Path,
        branch: str,
        contexts: Mapping[str, Any],
        environment: Mapping[str, str],
    ) -> None:
        self._repository = repository
        self._folder = folder
        self._branch = branch
        self._environment = {
            **environment,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        }
        self._contexts: dict[str, Any] = {**contexts, "needs": {}}
        folder.mkdir()

    def job(self, name: str, job: Mapping[str, Any]) -> str:
        """Run a job; return its result."""
        needs = [job["needs"]] if "needs" in job else []
        is_ready = all(self._contexts["needs"][needed]["result"] == "success" for needed in needs)
        result = "skipped"
        steps: dict[str, Any] = {}
        environments = self._repository.environments
        environment = environments[job["environment"]] if "environment" in job else RepositoryEnvironment({}, {})
        self._contexts |= {"secrets": environment.secrets, "vars": environment.variables, "steps": steps}
        if is_ready and self._holds(job.get("if"), is_failed=False):
            if environment.approve is not None:
                environment.approve()
                self._repository.say(f"  {job['environment']} is approved")
            workspace = self._folder / name
            workspace.mkdir()
            is_failed = False
            for step in job["steps"]:
                if self._holds(step.get("if"), is_failed=is_failed):
                    outcome = self._step(step, workspace, steps)
                    is_failed |= outcome != "success"
            result = "failure" if is_failed else "success"
        outputs = {key: self._filled(value) for key, value in job.get("outputs", {}).items()}
        self._contexts["needs"][name] = {"result": result, "outputs": outputs}
        return result

    def _step(self, step: Mapping[str, Any], workspace: Path, steps: dict[str, Any]) -> str:
        if "uses" in step:
            self._use(step["uses"].partition("@")[0], step.get("with", {}), workspace)
            return "success"
        (self._folder / "output").write_text("")
        variables = {name: self._filled(value) for name, value in step.get("env", {}).items()}
        script = self._filled(step["run"])
        assert script == step["run"], "what is not of the workflow's text goes into a script by a variable"
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = _run(command, workspace, {**self._environment, **variables})
        outcome = "failure" if done.returncode else "success"
        written = (line.partition("=") for line in (self._folder / "output").read_text().splitlines())
        steps[step.get("id", "")] = {"outputs": {key: value for key, _, value in written}, "outcome": outcome}
        printed = "".join(f"\n    {line}" for line in done.stdout.splitlines())
        self._repository.say(f"  {step.get('name', script)}: exit {done.returncode}{printed}")
        return outcome

    def _use(self, action: str, options: Mapping[str, Any], workspace: Path) -> None:
        artifact = self._folder / f"artifact-{options.get('name')}"
        if action == "actions/checkout":
            self._check_out(options, workspace)
        elif action == "actions/upload-artifact":
            source = workspace / options["path"]
            assert options.get("include-hidden-files", "/." not in f"/{options['path']}")
            artifact.mkdir()
            shutil.copytree(source, artifact, dirs_exist_ok=True) if source.is_dir() else shutil.copy(source, artifact)
        elif action == "actions/download-artifact":
            shutil.copytree(artifact, workspace, dirs_exist_ok=True)
        else:
            assert action == "actions/setup-python", action

    def _check_out(self, options: Mapping[str, Any], workspace: Path) -> None:
        """Clone `main` without its history; for a pull request, as it is after the merge."""
        assert options["persist-credentials"] is False
        git = self._repository.git
        git(workspace, "clone", "--quiet", "--depth=1", "--branch=main", self._repository.remote.as_uri(), ".")
        if "ref" not in options and self._branch != "main":
            git(workspace, "fetch", "--quiet", "--unshallow", "origin", "main", self._branch)
            git(workspace, "config", "user.name", "merge")
            git(workspace, "config", "user.email", "merge@example.com")
            git(workspace, "merge", "--quiet", "FETCH_HEAD")
        if self._repository.after_checkout is not None:
            self._repository.after_checkout()

    def _holds(self, condition: str | None, *, is_failed: bool) -> bool:
        if condition is None:
            return not is_failed
        condition = _EXPRESSION.sub(r"\1", condition)
        has_status = any(name in condition for name in _STATUS)
        return (has_status or not is_failed) and bool(self._value(condition, is_failed=is_failed))

    def _filled(self, text: str) -> str:
        return _EXPRESSION.sub(lambda match: str(self._value(match[1], is_failed=False)), text)

    def _value(self, expression: str, *, is_failed: bool) -> Any:
        """Return the value of an expression of GitHub."""
        values: list[Any] = []
        source = ""
        tokens: list[str] = _TOKEN.findall(expression)
        assert "".join(tokens) == expression
        for token in tokens:
            if token[0].isalpha() or token[0] == "'":
                values.append(self._operand(token, is_failed=is_failed))
                source += f"values[{len(values) - 1}]"
            else:
                source += _OPERATORS.get(token, token)
        return eval(source.strip(), {"values": values})

    def _operand(self, token: str, *, is_failed: bool) -> Any:
        if token[0] == "'":
            return token[1:-1]
        if token in _STATUS:
            return token == "always()" or token == ("failure()" if is_failed else "success()")
        first, *others = token.split(".")
        value: Any = self._contexts[first]
        for name in others:
            value = value.get(name, "") if value else ""
        return value


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=dict(environment),
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
    )
