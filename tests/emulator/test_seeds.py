"""Seeds: what a new emulator is filled with, from a folder or from definitions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fibonacci import (
    AsyncFibonacci,
    DefinitionError,
    NotFoundError,
    WorkflowBuilder,
)
from fibonacci.emulator import Emulator, InputFileError
from tests.kit.assertions import each_row
from tests.kit.nodes import llm

TRIAGE = """\
# triage.yaml
description: Sorts mail
nodes:
- id: classify
  type: llm
  instruction: "How urgent? {{input.mail}}"
"""
GREETER = {"name": "Greeter", "nodes": [llm("greet", "Greet {{memory.name}}")]}
PLATFORM: dict[str, Any] = {
    "governance.json": {"require_approval_for_external_comm": True, "approval_threshold": 2},
    "quota.json": {"concurrent_executions": 3},
    "tool-policies.json": [{"tool_name": "gmail.send", "allowed_roles": ["owner"]}, {"tool_name": "calculator"}],
    "role-policy-overrides.json": [{"role": "viewer", "tool_name": "web_search", "enabled": False}],
    "memory.json": [
        {"key": "name", "value": {"first": "Ada"}, "scope": "global"},
        {"key": "token", "value": 1, "scope": "user", "user_id": "u1", "ttl": 60},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two definitions and all settings."""
    folder = tmp_path / "flows"
    platform = folder / "platform"
    platform.mkdir(parents=True)
    (folder / "triage.yaml").write_text(TRIAGE)
    (folder / "greeter.json").write_text(json.dumps(GREETER))
    (folder / "README.md").write_text("not read")
    for name, content in PLATFORM.items():
        (platform / name).write_text(json.dumps(content))
    return folder


def test_all_that_a_folder_has_is_there_at_the_start(folder: Path) -> None:
    emulator = Emulator(seed=folder, organization_id="acme", time="manual")
    client = emulator.client()
    greeter, triage = client.workflows.list()
    assert (greeter.name, triage.name, triage.description) == ("Greeter", "triage", "Sorts mail")
    settings = client.organizations.governance.get("acme")
    assert (settings.require_approval_for_external_comm, settings.approval_threshold) == (True, 2)
    assert client.organizations.quota.get("acme").overrides == {"concurrent_executions": 3}
    policies = client.organizations.tool_policies.list("acme")
    assert [(each.tool_name, each.allowed_roles) for each in policies] == [
        ("gmail_send", ["owner"]),
        ("calculator", ["owner", "admin", "member", "viewer"]),
    ]
    (override,) = client.organizations.tool_policies.list_role_overrides("acme")
    assert (override.role, override.tool_name, override.enabled) == ("viewer", "web_search", False)
    assert client.memory.get("token", scope="user", user_id="u1").value == 1
    assert client.workflows.run(greeter.id).outputs == {"greet": '[default model] Greet {"first": "Ada"}'}
    assert {entry.model_dump()["actor"] for entry in client.organizations.governance.audit("acme")} == {"seed"}
    assert (emulator.requests.to("POST /workflows").count, emulator.warnings) == (0, [])
    emulator.clock.advance(60)
    with pytest.raises(NotFoundError):
        client.memory.get("token", scope="user", user_id="u1")


def test_a_second_start_on_the_same_file_changes_nothing(folder: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with Emulator(db=state, seed=folder) as first:
        before = first.snapshot()
    with Emulator(db=state, seed=folder) as second:
        assert second.snapshot() == before
        assert second.warnings == []
        client = second.client()
        workflow = next(each for each in client.workflows.list() if each.name == "triage")
        client.workflows.update(workflow.id, description="Mine")
        client.memory.set("name", "Grace", scope="global")
        client.organizations.governance.update("default", approval_threshold=1)
        client.organizations.tool_policies.update("default", "calculator", enabled=False)
        client.organizations.tool_policies.delete("default", "gmail_send")
    (folder / "new.json").write_text(json.dumps({"nodes": [llm("a")]}))
    with Emulator(db=state, seed=folder, strict=True) as third:
        client = third.client()
        assert [each.name for each in client.workflows.list()] == ["Greeter", "triage", "new"]
        assert (client.workflows.get(workflow.id).description, client.workflows.get(workflow.id).version) == ("Mine", 2)
        assert client.memory.get("name", scope="global").value == "Grace"
        assert client.organizations.governance.get("default").approval_threshold == 1
        tools = [each.tool_name for each in client.organizations.tool_policies.list("default")]
        assert tools == ["calculator", "gmail_send"]
        found = [(each.code, Path(each.location).name, each.message) for each in third.warnings]
        left = "differs from this file and was not changed"
        assert found == [
            ("seed_differs", "triage.yaml", f"the workflow 'triage' ({workflow.id}) {left}"),
            ("seed_differs", "governance.json", f"the state's value for it {left}"),
            ("seed_differs", "tool-policies.json", f"the state's value for [1] {left}"),
            ("seed_differs", "memory.json", f"the state's value for [0] {left}"),
        ]


@each_row(
    ("file", "content", "message"),
    [
        ("triage.yaml", "nodes: 1\n", "triage.yaml:1:8: nodes: "),
        (".fibonacci/x/platform.json", "{}", "platform.json cannot be read (no key 'format'): restore it"),
        ("other.yaml", "name: Greeter\nnodes:\n- {id: a, type: llm, instruction: x}\n", "other.yaml: its workflow is"),
        ("platform/governance.json", '{"approval_threshold": -1}', "governance.json:1:24: approval_threshold: Input"),
        ("platform/governance.json", '{"threshold": 1}', "governance.json:1:15: threshold: Extra inputs"),
        ("platform/quota.json", '{\n"memory_mb": 1, "concurrent_executions": 999999}', "quota.json:2:42: concurrent_"),
        ("platform/tool-policies.json", "{}", "tool-policies.json:1:1: it must be a list"),
        ("platform/tool-policies.json", '[{"tool_name": "serch"}]', "tool-policies.json:1:16: [0].tool_name: There is"),
        ("platform/role-policy-overrides.json", '[{"role": "boss"}]', "overrides.json:1:11: [0].role: Input should be"),
        ("platform/memory.json", '[{"key": "k", "value": 1, "scope": "user"}]', "memory.json:1:2: [0].user_id: is req"),
        ("platform/memory.yaml", "[]", "memory.yaml: memory.json has the same settings: remove one of the two"),
        ("platform/policies.json", "[]", "policies.json: these settings do not exist. The settings are governance, "),
    ],
)
def test_a_fault_names_file_and_place(folder: Path, file: str, content: str, message: str) -> None:
    place = folder / file
    before = place.read_text() if place.exists() else None
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)
    with pytest.raises(InputFileError) as caught:
        Emulator(seed=folder)
    assert str(caught.value).startswith(str(folder))
    assert message in str(caught.value)
    place.unlink() if before is None else place.write_text(before)


def test_the_faults_of_all_definitions_are_listed(folder: Path) -> None:
    (folder / "triage.yaml").write_text("nodes: 1\n")
    (folder / "greeter.json").write_text("{")
    with pytest.raises(InputFileError) as caught:
        Emulator(seed=folder)
    files = [Path(line.partition(":")[0]).name for line in str(caught.value).splitlines()]
    assert files == ["greeter.json", "triage.yaml"]


def test_strict_refuses_what_is_not_known_in_a_seed(folder: Path) -> None:
    (folder / "triage.yaml").write_text(f"{TRIAGE}  temprature: 1\n")
    assert [warning.code for warning in Emulator(seed=folder).warnings] == ["unknown_key"]
    with pytest.raises(InputFileError, match=r"triage\.yaml:7:15: nodes\[0\]\.temprature: 'temprature' is not a key"):
        Emulator(seed=folder, strict=True)


def test_folders_that_are_no_seed(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"folder '.*none' cannot be read: No such file"):
        Emulator(seed=tmp_path / "none")
    with pytest.raises(InputFileError, match="the seed has no definitions, and no settings in platform/"):
        Emulator(seed=str(tmp_path))
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "memory.yml").write_text("- {key: a, value: [1], scope: global}\n")
    assert Emulator(seed=tmp_path).client().memory.get("a", scope="global").value == [1]


@pytest.mark.anyio
async def test_pulled_workflows_are_a_seed_as_they_are(tmp_path: Path) -> None:
    live = Emulator()
    client: AsyncFibonacci = live.async_client()
    definition = {"nodes": [{"id": "greet", "type": "llm", "prompt": "Greet {{input.name}}", "note": "kept"}]}
    older = await client.workflows.create(name="Greeter & more", description="Greets", definition=definition)
    newer = await client.workflows.create(name="Sums", definition={"nodes": [llm("a", "Sum"), llm("b", "{{a}}")]})
    for workflow in (older, newer):
        await client.workflows.pull(workflow.id, tmp_path / "flows")
    other: AsyncFibonacci = Emulator(seed=tmp_path / "flows").async_client()
    pulled = {each.name: each async for each in other.workflows.list()}
    assert set(pulled) == {"Greeter & more", "Sums"}
    kept = pulled["Greeter & more"].definition
    assert kept is not None
    assert kept["nodes"][0]["note"] == "kept"
    for workflow in (older, newer):
        copy = pulled[str(workflow.name)]
        there = await client.workflows.run(workflow.id, inputs={"name": "Ada"})
        assert (await other.workflows.run(copy.id, inputs={"name": "Ada"})).outputs == there.outputs


FLOW = WorkflowBuilder("Greeter", description="Greets")
FLOW.llm("greet", f"Greet {FLOW.inputs().name}")
SUMS = {"name": "Sums", "nodes": [llm("a", "Sum")]}


@each_row(
    ("seed", "names"),
    [(FLOW, {"Greeter"}), (FLOW.definition, {"Greeter"}), (SUMS, {"Sums"}), ([FLOW, SUMS], {"Greeter", "Sums"})],
)
def test_definitions_are_a_seed(seed: Any, names: set[str]) -> None:
    client = Emulator(seed=seed).client()
    assert {each.name for each in client.workflows.list()} == names
    if "Greeter" in names:
        assert client.workflows.ensure(FLOW).version == 1


@each_row(
    ("seed", "kind", "text"),
    [
        ({"nodes": []}, ValueError, "seed: a definition needs a name"),
        ({"name": "Sums", "nodes": 3}, InputFileError, "seed: 'Sums': nodes: should be a list"),
        (WorkflowBuilder("Empty"), DefinitionError, "a workflow needs at least one node"),
        (3, TypeError, "a definition must be a WorkflowBuilder, a WorkflowDefinition or a mapping, not int"),
    ],
)
def test_definitions_that_are_no_seed(seed: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        Emulator(seed=seed)
