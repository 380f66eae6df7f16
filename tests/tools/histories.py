"""Merge random branches that deploy a folder of workflows, with git itself, and count the conflicts.

    python -m tests.tools.histories                       200 histories
    python -m tests.tools.histories --histories 20 --seed 7

In each, main has deployed some workflows to staging and to production. Two people change, rename, move, swap, delete
and add workflows, each other ones, on a branch each, and deploy them to staging, which is for each as main left it.
Then both branches are merged into main. Nothing conflicts, the state of staging has what both have done, and main
deploys the merge to production, where each workflow keeps its id.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fibonacci import Fibonacci
from fibonacci.deployment.state import StateFiles, WorkflowState
from fibonacci.emulator import Emulator

_PEOPLE = ("one", "two")
_OPERATIONS = ("change", "rename", "move", "swap", "delete", "add", "add")
_GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull} | {
    f"GIT_{role}_{field}": "a@example.com" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")
}
_Numbers = Mapping[str, int]
"""By file or name, the number of the workflow, which is in the definition and never changes."""


class History:
    """A folder of workflows under version control, and the platforms that it is deployed to.

    Args:
        root: An empty folder.
        chance: Says what happens.

    Attributes:
        operations: How often each was made.
        conflicts: What git has said of merges that it could not make.
    """

    def __init__(self, root: Path, chance: random.Random) -> None:
        self._root = root
        self._flows = root / "flows"
        self._chance = chance
        self._platforms = {"staging": Emulator(), "production": Emulator()}
        self._numbers = count()
        self.operations: Counter[str] = Counter()
        self.conflicts: list[str] = []

    def run(self) -> None:
        """Play it. What has to hold of states and ids is asserted."""
        self._flows.mkdir()
        self._git("init", "-q", "-b", "main")
        for _ in range(self._chance.randint(2, 9)):
            self._add()
        for environment in self._platforms:
            self._deploy(environment, {})
        self._commit("main")
        begun, before = self._names(), self._states("staging")
        owners = {number: self._chance.choice([*_PEOPLE, ""]) for number in begun.values()}
        staging = self._platforms["staging"].snapshot()
        expected = dict(before)
        for person in _PEOPLE:
            self._git("checkout", "-q", "-b", person, "main")
            self._platforms["staging"].restore(staging)
            self._work(person, {number for number, owner in owners.items() if owner == person})
            after = self._states("staging")
            for workflow_id in {*before, *after}:
                if before.get(workflow_id) != after.get(workflow_id):
                    expected.pop(workflow_id, None)
                    expected |= {workflow_id: after[workflow_id]} if workflow_id in after else {}
        self._git("checkout", "-q", "main")
        for person in _PEOPLE:
            merge = self._try_git("merge", "-q", "--no-edit", person)
            if merge.returncode:
                self.conflicts.append(merge.stdout + merge.stderr)
                return
        assert self._states("staging") == expected
        self._check_production(begun)

    def _check_production(self, begun: _Numbers) -> None:
        """Deploy the merge to production; each workflow that is left has the id that it had."""
        ids = {begun[known.name]: workflow_id for workflow_id, known in self._states("production").items()}
        self._deploy("production", begun)
        assert not self._client("production").workflows.plan(self._flows, environment="production").has_changes
        names = self._names()
        now = {names[known.name]: workflow_id for workflow_id, known in self._states("production").items()}
        assert {number: now[number] for number in ids if number in now} == {
            number: workflow_id for number, workflow_id in ids.items() if number in names.values()
        }
        workflows = {workflow.id: str(workflow.name) for workflow in self._client("production").workflows.list()}
        assert workflows == {now[number]: name for name, number in names.items()}

    def _work(self, person: str, own: set[int]) -> None:
        """Make some changes, deploy and commit them, a few times."""
        for _ in range(self._chance.randint(1, 3)):
            deployed = self._names()
            for _ in range(self._chance.randint(1, 3)):
                self._change(own)
            self._deploy("staging", deployed)
            self._commit(person)

    def _change(self, own: set[int]) -> None:
        operation = self._chance.choice(_OPERATIONS)
        files = sorted(file for file, number in self._files().items() if number in own)
        if operation == "add" or len(files) < 2:
            own.add(self._add())
            operation = "add"
        else:
            file, other = self._chance.sample(files, 2)
            place = self._flows / file
            if operation in ("change", "rename"):
                name = self._read(file)["name"] + "-renamed" * (operation == "rename")
                self._write(file, name, self._files()[file])
            elif operation == "move":
                place.rename(self._flows / f"moved-{next(self._numbers)}.json")
            elif operation == "swap":
                texts = place.read_text("utf-8"), (self._flows / other).read_text("utf-8")
                place.write_text(texts[1], "utf-8")
                (self._flows / other).write_text(texts[0], "utf-8")
            else:
                place.unlink()
        self.operations[operation] += 1

    def _add(self) -> int:
        number = next(self._numbers)
        self._write(f"{self._chance.choice(['flow', 'mail', 'x'])}-{number}.json", f"flow-{number}", number)
        return number

    def _write(self, file: str, name: str, number: int) -> None:
        node = {"id": f"node{number}", "type": "llm", "instruction": f"Greet {self._chance.random()}"}
        (self._flows / file).write_text(json.dumps({"name": name, "nodes": [node]}, indent=2), "utf-8")

    def _read(self, file: str) -> dict[str, Any]:
        definition: dict[str, Any] = json.loads((self._flows / file).read_text("utf-8"))
        return definition

    def _files(self) -> _Numbers:
        return {
            path.name: int(self._read(path.name)["nodes"][0]["id"].removeprefix("node"))
            for path in self._flows.glob("*.json")
        }

    def _names(self) -> _Numbers:
        return {self._read(file)["name"]: number for file, number in self._files().items()}

    def _states(self, environment: str) -> dict[str | None, WorkflowState]:
        """Return the states of an environment by the id of the workflow."""
        state = StateFiles(self._flows, environment).read()
        return {} if state is None else {known.workflow_id: known for known in state.workflows.values()}

    def _client(self, environment: str) -> Fibonacci:
        return self._platforms[environment].client()

    def _deploy(self, environment: str, deployed: _Numbers) -> None:
        """Plan and apply.

        Args:
            environment: Where to.
            deployed: The names of the last time, of which the plan is told those that have changed or are gone.
        """
        places = {number: name for name, number in self._names().items()}
        moved = {name: places.get(number) for name, number in deployed.items() if places.get(number) != name}
        client = self._client(environment)
        client.workflows.apply(
            client.workflows.plan(self._flows, environment=environment, moved=moved),
            allow_delete=True,
            allow_empty=True,
        )

    def _commit(self, message: str) -> None:
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", message)

    def _git(self, *arguments: str) -> None:
        self._try_git(*arguments).check_returncode()

    def _try_git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=self._root, env=os.environ | _GIT, capture_output=True, text=True, check=False
        )


def play(seed: int, histories: int) -> tuple[Counter[str], list[str]]:
    """Play so many histories; return how often each operation was made, and the conflicts."""
    operations: Counter[str] = Counter()
    conflicts: list[str] = []
    for number in range(histories):
        with TemporaryDirectory() as folder:
            history = History(Path(folder), random.Random(f"{seed}-{number}"))
            history.run()
        operations += history.operations
        conflicts += history.conflicts
    return operations, conflicts


def main() -> None:
    """Play as many as the command line says, print the counts, and exit with 1 if there was a conflict."""
    parser = argparse.ArgumentParser(description="Merge branches that deploy.")
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    operations, conflicts = play(options.seed, options.histories)
    print(f"{options.histories} histories with {operations.total()} operations: {dict(operations)}")
    print(f"{len(conflicts)} conflicts", *conflicts, sep="\n")
    sys.exit(bool(conflicts))


if __name__ == "__main__":
    main()
