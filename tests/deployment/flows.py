"""A folder of definitions and a platform, as the tests of deployments use them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from fibonacci import DeploymentPlan, DeploymentResult
from fibonacci.definitions import DefinitionError
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.in_process import AsyncInProcessTransport, InProcessTransport
from fibonacci.models import Workflow
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse
from tests.kit.mode import Mode


def definition(name: str | None, instruction: str = "Greet", **more: Any) -> dict[str, Any]:
    """Return a definition with one node; no name for None."""
    named = {} if name is None else {"name": name}
    return {**named, **more, "nodes": [{"id": "greet", "type": "llm", "instruction": instruction}]}


def client_of(mode: Mode, emulator: Emulator, *, base_url: str = "http://127.0.0.1/v1", **options: Any) -> Any:
    """Return a client that reaches an emulator in this process, as if that were at the base URL."""
    transport = (AsyncInProcessTransport if mode.is_async else InProcessTransport)(app_of(emulator))
    return mode.client(emulator.api_key, **{"base_url": base_url, "transport": transport, **options})


@contextmanager
def undone(emulator: Emulator, folder: Path) -> Generator[None]:
    """Undo, at the end of the block, what it has changed on the platform and in the folder."""
    kept = folder.with_name(f"{folder.name}-kept")
    shutil.copytree(folder, kept, symlinks=True)
    with emulator.preserve_state():
        yield
    shutil.rmtree(folder, ignore_errors=True)
    kept.rename(folder)


class Flows:
    """A folder and a client.

    Attributes:
        folder: The folder.
        client: The client, of the mode.
    """

    def __init__(self, mode: Mode, client: Any, folder: Path) -> None:
        self.mode = mode
        self.client = client
        self.folder = folder

    def beside(self, folder: Path) -> Flows:
        """Return the same client with another folder."""
        return Flows(self.mode, self.client, folder)

    def write(self, file: str, name: str | None, instruction: str = "Greet", **more: Any) -> None:
        """Write a definition as JSON, which is YAML too."""
        (self.folder / file).write_text(json.dumps(definition(name, instruction, **more)), "utf-8")

    def write_three(self) -> None:
        """Write the files a.yaml, b.yaml and c.yaml."""
        for letter in "abc":
            self.write(f"{letter}.yaml", f"flow-{letter}", f"Greet {letter}")

    def deploy(self, file: str, name: str | None, instruction: str = "Greet", **more: Any) -> DeploymentResult:
        """Write a definition, and apply the folder."""
        self.write(file, name, instruction, **more)
        return self.apply()

    def plan(self, **options: Any) -> DeploymentPlan:
        """Make a plan for the folder."""
        plan: DeploymentPlan = self.mode.run(self.client.workflows.plan(self.folder, **options))
        return plan

    def is_deployed(self) -> bool:
        """Tell whether a plan for the folder has neither changes nor errors."""
        plan = self.plan()
        return not (plan.has_changes or plan.problems.errors)

    def problems(self, **options: Any) -> list[str]:
        """Return the problems of a plan for the folder, each with its file; nothing must have changed."""
        before = self.state()
        plan = self.plan(**options)
        assert (plan.changes, plan.unchanged, plan.has_changes) == ((), (), False)
        with pytest.raises(DefinitionError) as caught:
            self.apply(plan, allow_delete=True)
        assert caught.value.problems == plan.problems
        assert self.state() == before
        return [f"{Path(str(each.source)).name}: {each.message}" for each in plan.problems]

    def apply(self, plan: DeploymentPlan | None = None, **options: Any) -> DeploymentResult:
        """Apply a plan, a new one by default."""
        plan = self.plan() if plan is None else plan
        result: DeploymentResult = self.mode.run(self.client.workflows.apply(plan, **options))
        return result

    def pull(self, workflow_id: str, path: str | Path | None = None, **options: Any) -> Path:
        """Pull a workflow, into the folder by default."""
        place = self.folder if path is None else path
        pulled: Path = self.mode.run(self.client.workflows.pull(workflow_id, place, **options))
        return pulled

    def create(self, name: str, instruction: str = "Greet", **more: Any) -> Workflow:
        """Create a workflow past the folder."""
        made: Workflow = self.mode.run(
            self.client.workflows.create(name=name, definition=definition(name, instruction), **more)
        )
        return made

    def update(self, name: str, /, **fields: Any) -> Workflow:
        """Change a workflow past the folder."""
        changed: Workflow = self.mode.run(self.client.workflows.update(self.workflow(name).id, **fields))
        return changed

    def delete(self, name: str) -> str:
        """Delete a workflow past the folder; return its id."""
        workflow_id = self.workflow(name).id
        self.mode.run(self.client.workflows.delete(workflow_id))
        return workflow_id

    def workflow(self, name: str) -> Workflow:
        """Return the only workflow of a name."""
        (found,) = [each for each in self.workflows() if each.name == name]
        return found

    def workflows(self) -> list[Workflow]:
        """Return all workflows of the platform."""
        found: list[Workflow] = self.mode.run(self.client.workflows.list())
        return found

    def names(self) -> list[str]:
        """Return the names of all workflows of the platform, sorted."""
        return sorted(str(each.name) for each in self.workflows())

    def state(self) -> dict[str, Any]:
        """Return all that a plan must not change: the platform's workflows and the files of the folder."""
        files = {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        return {"workflows": [each.model_dump() for each in self.workflows()], "files": files}

    def states(self, environment: str = "default") -> dict[str, Any]:
        """Return what the state of an environment has of each file."""
        files = (self.folder / ".fibonacci" / environment).glob("*.json")
        states = [json.loads(path.read_text("utf-8")) for path in files if path.name != "platform.json"]
        return {state["file"]: state for state in states}

    def state_file(self, file: str) -> Path:
        """Return the path of the state of a file."""
        return self.folder / ".fibonacci" / "default" / f"{self.states()[file]['id']}.json"


def steps_of(plan: DeploymentPlan | DeploymentResult) -> list[tuple[str, str]]:
    """Return the action and the file of each change."""
    return [(change.action, change.file) for change in plan.changes]


class RewritingTransport:
    """A sync transport that changes the workflows in the responses of another one, to be another kind of platform."""

    def __init__(self, inner: Any, rewrite: Callable[[dict[str, Any], HTTPRequest], None]) -> None:
        self._inner = inner
        self._rewrite = rewrite

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        response: HTTPResponse = self._inner.send(request, deadline)
        content: Any = json.loads(response.body) if response.body else None
        data: Any = content["data"] if content and "data" in content else []
        for workflow in cast("list[dict[str, Any]]", data if isinstance(data, list) else [data]):
            self._rewrite(workflow, request)
        headers = [(name, value) for name, value in response.headers if name.lower() != b"content-length"]
        return HTTPResponse(
            status=response.status, headers=headers, body=b"" if content is None else json.dumps(content).encode()
        )

    def close(self) -> None:
        self._inner.close()
