"""Platforms that tell less than the emulator, or change what they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fibonacci import DeploymentError, Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.transports import HTTPRequest, SocketTransport
from tests.deployment.flows import Flows, RewritingTransport, definition, steps_of
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
    "no version": without("version"),
    "no version and no times": without("version", "created_at", "updated_at"),
    "no organization": without("organization_id"),
    "definitions only when asked": only_when_asked,
    "definitions completed": completing,
}


@pytest.fixture(params=PLATFORMS)
def elsewhere(request: pytest.FixtureRequest, emulator: Emulator, tmp_path: Path) -> Iterator[Flows]:
    """Return a folder and a client of such a platform."""
    transport = RewritingTransport(SocketTransport(), PLATFORMS[request.param])
    with Mode("sync") as mode:
        client = Fibonacci(emulator.api_key, base_url=emulator.base_url, transport=transport)
        yield Flows(mode, client, tmp_path)
        transport.close()


def test_plan_apply_plan(elsewhere: Flows) -> None:
    elsewhere.write_five()
    elsewhere.apply()
    assert elsewhere.is_deployed(), str(elsewhere.plan())
    elsewhere.write("a.yaml", "flow-a", "changed")
    assert steps_of(elsewhere.plan()) == [("update", "a.yaml")]
    elsewhere.apply()
    assert elsewhere.is_deployed()
    assert len(elsewhere.workflows()) == 5


def test_a_change_by_another_is_found(elsewhere: Flows) -> None:
    elsewhere.write_five()
    elsewhere.apply()
    plan = elsewhere.plan()
    elsewhere.update("flow-a", definition=definition("flow-a", "by another"))
    (change,) = elsewhere.plan().changes
    assert "the platform has changed since the last apply" in change.reason
    elsewhere.write("a.yaml", "flow-a", "changed")
    plan = elsewhere.plan()
    elsewhere.update("flow-a", definition=definition("flow-a", "by another again"))
    with pytest.raises(DeploymentError, match="has been changed since the plan was made"):
        elsewhere.apply(plan, overwrite=True)


def test_a_pulled_file_needs_nothing(elsewhere: Flows) -> None:
    workflow = elsewhere.create("Greeter")
    elsewhere.pull(workflow.id)
    assert elsewhere.is_deployed()


def test_a_workflow_with_an_error_is_pulled_to_be_mended(emulator: Emulator, tmp_path: Path) -> None:
    def accept(workflow: dict[str, Any], request: HTTPRequest) -> None:
        if "nodes" in (workflow.get("definition") or {}):
            workflow["definition"]["nodes"][0]["instruction"] = "Greet {{nobody}}"

    transport = RewritingTransport(SocketTransport(), accept)
    with Mode("sync") as mode, Fibonacci(emulator.api_key, base_url=emulator.base_url, transport=transport) as client:
        flows = Flows(mode, client, tmp_path)
        workflow = flows.create("Greeter")
        path = flows.pull(workflow.id)
        text = path.read_text("utf-8")
        assert "Greet {{nobody}}" in text
        path.write_text(f"# mine\n{text}", "utf-8")
        assert flows.pull(workflow.id) == path  # which says the same, so it is left as it is
        assert path.read_text("utf-8").startswith("# mine")
        assert [problem.code for problem in flows.plan().problems] == ["unknown_template_source"]
        transport.close()


def test_the_state_of_another_organization_where_none_is_told(emulator: Emulator, tmp_path: Path) -> None:
    transport = RewritingTransport(SocketTransport(), without("organization_id"))
    with Mode("sync") as mode, Fibonacci(emulator.api_key, base_url=emulator.base_url, transport=transport) as client:
        flows = Flows(mode, client, tmp_path)
        flows.write_five()
        flows.apply()
        assert json.loads((tmp_path / ".fibonacci/default/platform.json").read_text())["organization_id"] is None
        emulator.reset()
        flows.create("of the other organization")
        with pytest.raises(DeploymentError, match="has 5 workflows, but the platform has none of them"):
            flows.plan()
        transport.close()
