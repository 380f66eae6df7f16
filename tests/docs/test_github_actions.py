"""The workflows of examples/github_actions: their whole life in a repository, and the guide that shows them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fibonacci.emulator import Emulator, KeyRole
from tests.docs.github_actions import NAME, HostedRepository, RepositoryEnvironment
from tests.kit.systems import needs_shell
from tests.tools.markdown import ROOT
from tests.tools.reference.github_actions import GUIDE, WORKFLOWS, github_actions_guide

CHECK, DEPLOY, TWO = "check-workflows.yml", "deploy-workflows.yml", "deploy-to-two-environments.yml"
FLOW = """\
name: {name}
nodes:
- id: answer
  type: llm
  instruction: {instruction}
"""


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


class Team:
    """A person, a repository with both workflows, and the two platforms."""

    def __init__(self, folder: Path, staging: Emulator, production: Emulator) -> None:
        def environment(emulator: Emulator, role: KeyRole, approve: Callable[[], object] | None = None) -> Any:
            variables = {"FIBONACCI_BASE_URL": emulator.base_url}
            return RepositoryEnvironment({"FIBONACCI_API_KEY": emulator.key(role)}, variables, approve)

        environments = {
            "staging": environment(staging, "member"),
            "production-plan": environment(production, "viewer"),
            "production": environment(production, "member", lambda: self.during_approval()),
        }
        self.platforms = {"staging": staging, "production": production}
        self.repository = HostedRepository(folder, environments, print)
        self.folder = self.repository.clone("ada")
        self.during_approval: Callable[[], object] = nothing
        (self.folder / "README").write_text("Our workflows.\n")
        self._commit(self.folder, "An empty repository")

    def push_of_another(self) -> None:
        """Push another person's commit to `main`."""
        name = f"grace-{len(self.repository.log())}"
        (self.repository.clone(name) / name).write_text("Welcome.\n")
        self._commit(self.repository.folder / name, "A page for newcomers")

    def refuse_pushes(self) -> None:
        """Let the server refuse what is pushed, as a rule of the branch does."""
        hook = self.repository.remote / "hooks" / "pre-receive"
        hook.write_text("#!/bin/bash\necho 'main is protected'; exit 1\n")
        hook.chmod(0o755)

    def _commit(self, folder: Path, message: str, *, branch: str = "main") -> None:
        git = self.repository.git
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", message)
        git(folder, "push", "--quiet", "origin", f"HEAD:{branch}")

    def write(self, file: str, name: str, instruction: str) -> None:
        """Write a definition."""
        (self.folder / "flows").mkdir(exist_ok=True)
        (self.folder / "flows" / file).write_text(FLOW.format(name=name, instruction=instruction), "utf-8")

    def propose(self, message: str) -> None:
        """Commit to a branch."""
        print(f"\n== Pull request: {message}")
        self._commit(self.folder, message, branch="change")

    def check(self, head: str = NAME, only: str | None = None) -> dict[str, str]:
        """Check the pull request; return the results of the jobs."""
        print("-- Check, from", head)
        results = self.repository.trigger(CHECK, "change", head=head, only=only)
        print(*self.repository.comments, sep="\n")
        return results

    def merge(self) -> dict[str, str]:
        """Merge the pull request, and deploy it."""
        git = self.repository.git
        git(self.folder, "pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")
        git(self.folder, "push", "--quiet", "origin", "HEAD:main")
        return self.deploy()

    def deploy(self, **inputs: Any) -> dict[str, str]:
        """Run the deployment of `main`, and take what it has committed."""
        print("-- Deployment", inputs or "")
        results = self.repository.trigger(TWO, inputs=inputs)
        self.repository.git(self.folder, "pull", "--quiet", "origin", "main")
        print("  main:", *self.repository.log()[:2], sep=" | ")
        return results

    def change_on_platform(self, environment: str, name: str, instruction: str) -> None:
        """Change a workflow by other means than a deployment."""
        print(f"\n== Somebody changes {name} on the platform of {environment}")
        workflows = self.platforms[environment].client().workflows
        workflow = workflows.find(name)
        assert workflow is not None
        workflows.update(workflow.id, definition=yaml.safe_load(FLOW.format(name=name, instruction=instruction)))

    def ids(self, environment: str) -> set[str]:
        """Return the ids of the workflows on a platform."""
        return {workflow.id for workflow in self.platforms[environment].client().workflows.list()}

    def instructions(self, environment: str) -> dict[str, Any]:
        """Return the instruction of each workflow on a platform, by name."""
        workflows = self.platforms[environment].client().workflows
        return {
            workflow.name or "": (workflows.get(workflow.id).definition or {})["nodes"][0]["instruction"]
            for workflow in workflows.list()
        }

    def check_states(self) -> None:
        """Check that a commit of a deployment has its state alone, which starts no other deployment."""
        git = self.repository.git
        commits = git(self.folder, "log", "--grep=^Record the deployment", "--format=%H").split()
        files = {
            file for commit in commits for file in git(self.folder, "show", "--format=", "--name-only", commit).split()
        }
        assert files
        assert [file for file in files if not file.startswith("flows/.fibonacci/")] == []


def nothing() -> None: ...


SUCCESS = {"staging": "success", "plan": "success", "apply": "success"}
UNCHANGED = {**SUCCESS, "apply": "skipped"}


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    """Return a team that has proposed two workflows."""
    with Emulator() as staging, Emulator() as production:
        team = Team(tmp_path, staging, production)
        team.write("triage.yaml", "triage", "Sort {{input.mail}}")
        team.write("digest.yaml", "digest", "Sum up {{input.mails}}")
        team.propose("Two workflows")
        yield team


@needs_shell
@pytest.mark.slow
def test_a_pull_request_is_checked_and_deployed_to_both_environments(team: Team) -> None:
    assert team.check() == {"definitions": "success", "plan": "success"}
    assert "create" in team.repository.comments[0]
    team.repository.after_checkout = team.push_of_another  # so that each state has to be rebased
    assert team.merge() == SUCCESS
    assert team.repository.log()[:2] == ["Record the deployment to production", "A page for newcomers"]
    assert team.instructions("staging") == team.instructions("production") != {}
    team.check_states()


@needs_shell
@pytest.mark.slow
@pytest.mark.nightly  # short: test_a_pull_request_is_checked_and_deployed_to_both_environments
@pytest.mark.timeout(600)  # some thirty commands, one after the other
def test_the_life_of_a_repository(team: Team) -> None:
    repository = team.repository
    assert team.check(head="a-stranger/flows") == {"definitions": "success", "plan": "skipped"}
    assert team.check(only="plan") == {"plan": "success"}
    assert team.merge() == SUCCESS

    before = repository.log()
    assert team.deploy() == UNCHANGED
    assert repository.log() == before

    team.write("triage.yaml", "triage", "Sort by urgency {{input.mail}}")
    team.propose("Sort by urgency")
    assert team.check(only="plan") == {"plan": "success"}
    assert len(repository.comments) == 1
    assert "update" in repository.comments[0]
    change = repository.git(team.folder, "rev-parse", "HEAD").strip()
    assert team.merge() == SUCCESS
    assert team.instructions("production")["triage"] == "Sort by urgency {{input.mail}}"

    repository.git(team.folder, "revert", "--no-commit", change)
    team.propose("Back to how it was")
    team.during_approval = team.refuse_pushes
    assert team.merge() == {**SUCCESS, "apply": "failure"}
    team.during_approval = nothing
    assert team.instructions("production")["triage"] == "Sort {{input.mail}}"
    (repository.remote / "hooks" / "pre-receive").unlink()
    shutil.copytree(
        repository.last_run / "artifact-state-of-production", team.folder / "flows" / ".fibonacci", dirs_exist_ok=True
    )
    team.propose("The state that could not be pushed")
    assert team.merge() == UNCHANGED

    ids = team.ids("production")
    repository.git(team.folder, "mv", "flows/triage.yaml", "flows/sorting.yaml")
    team.propose("A better name for the file")
    assert team.merge() == SUCCESS
    assert team.ids("production") == ids

    team.change_on_platform("production", "triage", "Refuse")
    team.write("sorting.yaml", "triage", "Sort by topic {{input.mail}}")
    team.propose("Sort by topic")
    assert team.check(only="plan") == {"plan": "success"}
    assert "conflict" in repository.comments[0].lower()
    assert team.merge() == {**SUCCESS, "apply": "failure"}
    assert team.instructions("production")["triage"] == "Refuse"
    repository.person(team.folder, "fibonacci pull triage --dir flows --environment production --yes", "production")
    team.propose("Keep what is on the platform")
    assert team.merge() == UNCHANGED
    assert team.instructions("staging")["triage"] == "Refuse"

    team.change_on_platform("staging", "triage", "Try")
    assert team.deploy()["staging"] == "failure"
    assert team.deploy(overwrite=True) == UNCHANGED
    assert team.instructions("staging")["triage"] == "Refuse"

    team.write("digest.yaml", "digest", "Sum up in a sentence {{input.mails}}")
    team.write("greeting.yaml", "greeting", "Greet {{input.name}}")
    team.propose("Shorter digests, and greetings")
    print("-- The platform of production will refuse to create a workflow")
    error = {"error": {"code": "refused", "message": "Not now."}}
    team.platforms["production"].fail("POST /workflows", status=400, body=error)
    assert team.merge() == {**SUCCESS, "apply": "failure"}
    assert repository.log()[0] == "Record the deployment to production"
    assert team.instructions("production")["digest"] == "Sum up in a sentence {{input.mails}}"
    assert team.deploy() == SUCCESS
    assert team.instructions("staging") == team.instructions("production")
    ids = team.ids("production")
    assert len(ids) == 3

    repository.git(team.folder, "rm", "--quiet", "flows/greeting.yaml")
    team.write("welcome.yaml", "welcome", "Welcome {{input.name}}")
    team.propose("Welcome instead of greet")
    assert team.check(only="plan") == {"plan": "failure"}
    assert "greeting=welcome" in repository.comments[0]
    assert team.merge() == {"staging": "failure", "plan": "skipped", "apply": "skipped"}
    assert team.deploy(moved="greeting=welcome") == SUCCESS
    assert team.ids("production") == ids
    team.check_states()
