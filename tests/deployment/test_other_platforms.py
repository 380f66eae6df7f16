"""Platforms that tell less than the emulator, or change what they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibonacci import DeploymentError
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.in_process import InProcessTransport
from fibonacci.transports import HTTPRequest
from tests.deployment.flows import Flows, RewritingTransport, client_of, definition, steps_of
from tests.kit.mode import Mode

Rewrite = Callable[[dict[str, Any], HTTPRequest], None]


def without(*fields: str) -> Rewrite:
    def rewrite(workflow: dict[str, Any], request: HTTPRequest) -> None:
        for field in fields:
            workflow.pop(field, None)

    return rewrite


def only_when_asked(workflow: dict[str, Any], request: HTTPRequest) -> None:
    """Leave the definition out of lists, and of the responses to what changes a workflow."""
    if request.method != "GET" or request.target == "/v1/workflows":
        workflow.pop("definition", None)


def completing(workflow: dict[str, Any], request: HTTPRequest) -> None:
    """Add to a definition what its author has not said, known and unknown."""
    if workflow.get("definition"):
        workflow["definition"]["schema_version"] = 3
        for node in workflow["definition"]["nodes"]:
            node |= {"max_retries": 3, "temperature": 0.7, "position": {"x": 0, "y": 0}}


PLATFORMS: dict[str, Rewrite] = {
    "no version, no times, no organization": without("version", "created_at", "updated_at", "organization_id"),
    "definitions only when asked": only_when_asked,
    "definitions completed": completing,
}


def elsewhere(mode: Mode, emulator: Emulator, folder: Path, rewrite: Rewrite) -> Flows:
    """Return a folder and a client of such a platform."""
    transport = RewritingTransport(InProcessTransport(app_of(emulator)), rewrite)
    return Flows(mode, client_of(mode, emulator, transport=transport), folder)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_plan_apply_pull_and_a_change_by_another(emulator: Emulator, tmp_path: Path, platform: str) -> None:
    with Mode("sync") as mode:
        flows = elsewhere(mode, emulator, tmp_path, PLATFORMS[platform])
        for letter in "ab":
            flows.write(f"{letter}.yaml", f"flow-{letter}")
        flows.apply()
        flows.pull(flows.create("Greeter").id)
        assert flows.is_deployed(), str(flows.plan())
        flows.write("a.yaml", "flow-a", "changed")
        assert steps_of(flows.apply()) == [("update", "a.yaml")]
        assert flows.is_deployed()
        flows.update("flow-a", definition=definition("flow-a", "by another"))
        (change,) = flows.plan().changes
        assert "the platform has changed since the last apply" in change.reason
        flows.write("a.yaml", "flow-a", "changed again")
        plan = flows.plan()
        flows.update("flow-a", definition=definition("flow-a", "by another again"))
        with pytest.raises(DeploymentError, match="has been changed since the plan was made"):
            flows.apply(plan, overwrite=True)
        assert len(flows.workflows()) == 3


def test_the_state_of_another_organization_where_none_is_told(emulator: Emulator, tmp_path: Path) -> None:
    with Mode("sync") as mode:
        flows = elsewhere(mode, emulator, tmp_path, without("organization_id"))
        for letter in "ab":
            flows.write(f"{letter}.yaml", f"flow-{letter}")
        flows.apply()
        assert json.loads((tmp_path / ".fibonacci/default/platform.json").read_text())["organization_id"] is None
        emulator.reset()
        flows.create("of the other organization")
        with pytest.raises(DeploymentError, match="has 2 workflows, but the platform has none of them"):
            flows.plan()
