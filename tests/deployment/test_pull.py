"""A workflow of the platform becomes a file that loads to the same definition."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest

from fibonacci import DeploymentError, NotFoundError
from fibonacci.definitions import diff, load
from tests.deployment.flows import Flows, definition
from tests.kit.assertions import each_row

LARGE: dict[str, Any] = {
    "name": "News",
    "description": "Sums up\nthe news",
    "version": "no",
    "labels": {"on": "yes", "deep": [1, 2.5, None, True]},
    "nodes": [
        {
            "id": "search",
            "type": "tool",
            "tool": "sql.query",
            "inputs": {"query": "{{input.topic}}", "parameters": ["1:30"]},
        },
        {"id": "sum", "type": "llm", "prompt": "Sum up:\n  {{search}}\n", "retry": {"max_attempts": 2}, "mood": "dry"},
        {"id": "ok", "type": "conditional", "left_value": "{{sum}}", "operator": "is_empty", "true_branch": ["end"]},
        {"id": "end", "type": "critic", "target_node": "sum"},
        {
            "id": "each",
            "type": "loop",
            "prompt": "{{sum}} {{item}}",
            "retry": {"max_attempts": 2},
            "config": {"n": 1.5},
        },
    ],
    "outputs": {"answer": "{{sum}}"},
}


@pytest.mark.parametrize("file", ["news.yml", "NEWS.JSON"])
def test_a_file_that_loads_to_the_same_definition(flows: Flows, file: str) -> None:
    workflow = flows.mode.run(flows.client.workflows.create(name="News", definition=LARGE))
    path = flows.pull(workflow.id, flows.folder / file)
    assert path == flows.folder / file
    assert not diff(load(path), LARGE)
    assert load(path).model_dump()["labels"] == LARGE["labels"]
    assert load(path).nodes[-1].model_dump() == LARGE["nodes"][-1]  # of a type that is not known here
    if path.suffix.lower() == ".json":
        assert json.loads(path.read_text("utf-8"))["labels"] == LARGE["labels"]
    assert flows.is_deployed()


def test_a_place_that_cannot_be_a_folder_is_refused(flows: Flows) -> None:
    workflow = flows.create("News")
    (flows.folder / "taken").write_text("", "utf-8")
    for path in ("taken/news.yaml", "taken", "taken/deep/news.json"):
        with pytest.raises((OSError, DeploymentError), match="taken"):
            flows.pull(workflow.id, flows.folder / path)


def test_a_missing_pyyaml_is_named(flows: Flows, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = flows.create("News")
    monkeypatch.setitem(sys.modules, "yaml", None)
    for path in ("news.yaml", "new/folder", "."):
        with pytest.raises(ImportError, match=r"pip install 'fibonacci-sdk\[yaml\]'"):
            flows.pull(workflow.id, flows.folder / path)


def test_into_a_folder_with_a_state(flows: Flows) -> None:
    flows.deploy("a.yaml", "flow-a")
    workflow = flows.create("Greeter")
    assert flows.pull(workflow.id).name == "greeter.yaml"
    assert set(flows.states()) == {"a.yaml", "greeter.yaml"}
    changed = flows.update("flow-a", definition=definition("flow-a", "by another"))
    assert flows.pull(changed.id) == flows.folder / "a.yaml"
    assert load(flows.folder / "a.yaml").model_dump() == changed.definition
    assert flows.is_deployed()


COMMENTED = """\
# Greets. Owner: support
name: flow-a
nodes:  # one, so far
- {type: llm, id: greet, prompt: "Greet {{ input.name }}"}  # politely
"""


def test_a_file_keeps_what_its_author_wrote(flows: Flows) -> None:
    path = flows.folder / "a.yaml"
    path.write_bytes(COMMENTED.replace("\n", "\r\n").encode())
    flows.apply()
    workflow = flows.update("flow-a", definition=definition("flow-a", "Welcome {{input.name}}"))
    flows.pull(workflow.id)
    changed = """\
# Greets. Owner: support
name: flow-a
nodes:  # one, so far
- type: llm  # politely
  id: greet
  prompt: Welcome {{input.name}}
"""
    assert path.read_bytes() == changed.replace("\n", "\r\n").encode()
    assert flows.is_deployed()
    path.write_text(COMMENTED.replace("Greet {{", "Hello {{"), newline="\n")
    with pytest.raises(DeploymentError, match="has changes that"):
        flows.pull(workflow.id)
    flows.pull(workflow.id, overwrite=True)
    assert path.read_text() == changed


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_workflow_in_the_words_of_0_2_4_is_as_it_was_pulled(flows: Flows) -> None:
    node = {"id": "ask", "type": "llm", "instruction": "Greet", "config": {"timeout": 20}}
    workflow = flows.mode.run(flows.client.workflows.create(name="News", definition={"nodes": [node]}))
    path = flows.pull(workflow.id)
    assert flows.is_deployed()
    assert flows.pull(workflow.id) == path  # nor does the file have changes
    assert flows.is_deployed()


def test_a_file_with_changes_of_its_own_is_not_overwritten(flows: Flows) -> None:
    workflow_id = flows.deploy("a.yaml", "flow-a").workflows["a.yaml"].id
    for text, merge in (
        ('{"name": "flow-a", "nodes": []}', "merge=True keeps them, "),
        ("nodes: [", ""),
        ("", ""),
    ):
        (flows.folder / "a.yaml").write_text(text)
        before = flows.state()
        with pytest.raises(DeploymentError) as caught:
            flows.pull(workflow_id)
        assert str(caught.value) == (
            f"{flows.folder / 'a.yaml'} has changes that {workflow_id} does not have: {merge}"
            "overwrite=True replaces them"
        )
        assert flows.state() == before
        flows.pull(workflow_id, overwrite=True)
        assert load(flows.folder / "a.yaml").model_dump() == definition("flow-a")
    assert flows.is_deployed()


def test_the_file_of_another_workflow_is_not_taken(flows: Flows) -> None:
    owner = flows.deploy("a.yaml", "flow-a").workflows["a.yaml"].id
    other = flows.create("other")
    before = flows.state()
    with pytest.raises(DeploymentError) as caught:
        flows.pull(other.id, flows.folder / "a.yaml", overwrite=True)
    assert str(caught.value) == f"a.yaml belongs to {owner}, not to {other.id}: pull into another file"
    for new in ("0.yaml", "b.yaml"):
        with pytest.raises(DeploymentError) as caught:
            flows.pull(owner, flows.folder / new)
        assert str(caught.value) == f"{owner} already has the file a.yaml: rename that file, or pull into the folder"
    assert flows.state() == before
    (flows.folder / "a.yaml").rename(flows.folder / "b.yaml")
    flows.pull(owner, flows.folder / "b.yaml")
    assert list(flows.states()) == ["b.yaml"]


def test_a_file_of_the_name_is_taken_if_it_is_nobodys(flows: Flows) -> None:
    flows.write("mine.yaml", "flow-a")
    first = flows.create("flow-a")
    assert flows.pull(first.id) == flows.folder / "mine.yaml"
    second = flows.create("flow-a", "another")
    with pytest.raises(DeploymentError) as caught:
        flows.pull(second.id)
    assert str(caught.value) == (
        f"{first.id} and {second.id} are both called 'flow-a': rename one of them, because each workflow of a folder "
        "needs its own name"
    )
    assert load(flows.folder / "mine.yaml").model_dump() == first.definition


BOTH = """\
# Owner: support
name: flow-a
nodes:
- id: greet
  type: llm
  instruction: Greet  # politely
"""


def merging(flows: Flows) -> str:
    """Deploy a file, and return the ID of its workflow."""
    (flows.folder / "a.yaml").write_text(BOTH)
    return flows.apply().workflows["a.yaml"].id


def test_a_merge_keeps_the_changes_of_both(flows: Flows) -> None:
    workflow_id = merging(flows)
    (flows.folder / "a.yaml").write_text(BOTH.replace("Greet ", "Welcome ") + "  temperature: 0.2  # ours\n")
    ask = {"id": "ask", "type": "llm", "instruction": "Ask"}
    flows.update(
        "flow-a",
        name="Support bot",
        definition=definition("flow-a") | {"nodes": [*definition(None)["nodes"], ask], "timeout": 60},
    )
    with pytest.raises(DeploymentError, match="has changes that"):
        flows.pull(workflow_id)
    assert flows.pull(workflow_id, merge=True) == flows.folder / "a.yaml"
    assert (
        (flows.folder / "a.yaml").read_text()
        == """\
# Owner: support
name: Support bot
timeout: 60
nodes:
- id: greet
  type: llm
  instruction: Welcome  # politely
  temperature: 0.2  # ours
- id: ask
  type: llm
  instruction: Ask
"""
    )
    (change,) = flows.plan().changes
    assert (change.is_conflict, [each.location for each in change.diff.changes]) == (
        False,
        ["greet.instruction", "greet.temperature"],
    )
    flows.pull(workflow_id, merge=True)  # there is nothing more to merge
    flows.apply()
    assert flows.is_deployed()


def test_what_both_have_changed_is_named_and_nothing_is_written(flows: Flows) -> None:
    workflow_id = merging(flows)
    path = flows.folder / "a.yaml"
    path.write_text(BOTH.replace("Greet ", "Welcome ").replace("flow-a", "Ours") + "  temperature: 0.2\n")
    flows.update("flow-a", name="Theirs", definition=definition("flow-a", "Bye"))
    before = flows.state()
    with pytest.raises(DeploymentError) as caught:
        flows.pull(workflow_id, merge=True)
    assert (caught.value.code, str(caught.value)) == (
        "conflict",
        f"{path} and {workflow_id} have both changed name, greet.instruction. Nothing was written. Write the "
        f'platform\'s values, which workflows.get("{workflow_id}") returns, into these places of the file, and pull '
        "again. To keep yours, put them back after that",
    )
    assert flows.state() == before
    path.write_text(path.read_text().replace("Ours", "Theirs").replace("Welcome ", "Bye "))
    flows.pull(workflow_id, merge=True)
    (change,) = flows.plan().changes
    assert [each.location for each in change.diff.changes] == ["greet.temperature"]


def test_what_has_no_version_in_common_cannot_be_merged(flows: Flows) -> None:
    workflow_id = flows.create("flow-a").id
    path = flows.folder / "a.yaml"
    path.write_text(BOTH.replace("Greet ", "Welcome "))
    expected = (
        f"{path} and {workflow_id} cannot be merged, because the version that both were changed from is unknown: "
        "leave out merge=True"
    )
    with pytest.raises(DeploymentError) as caught:
        flows.pull(workflow_id, merge=True)
    assert str(caught.value) == expected
    flows.pull(workflow_id, overwrite=True)
    state = flows.state_file("a.yaml")
    state.write_text(re.sub('"definition": "sha256:.', '"definition": "sha256:x', state.read_text()))
    path.write_text(BOTH.replace("Greet ", "Hello "))
    with pytest.raises(DeploymentError) as caught:
        flows.pull(workflow_id, merge=True)
    assert str(caught.value) == expected


HOSTILE = {
    "../../etc/passwd": "etc-passwd",
    "..": "workflow",
    "con": "con-workflow",
    "LPT1": "lpt1-workflow",
    "com10": "com10",
    "x" * 300: "x" * 100,
    "Caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{ROCKET} 9": "cafe-9",
    "a\0b\nc\\d:e*f?g": "a-b-c-d-e-f-g",
    ".hidden": "hidden",
    "-rf": "rf",
}


@each_row(("name", "stem"), HOSTILE.items())
def test_a_hostile_name(flows: Flows, name: str, stem: str) -> None:
    folder = flows.folder / str(list(HOSTILE).index(name))
    path = flows.pull(flows.create(name).id, folder)
    assert path == folder / f"{stem}.yaml"
    assert load(path).name == name


def test_two_names_that_make_one_file_name(flows: Flows) -> None:
    first, second = flows.create("../../etc"), flows.create("../../etc!")
    path = flows.pull(first.id)
    assert flows.pull(first.id) == path
    assert flows.pull(second.id).name != path.name
    assert flows.is_deployed()


def test_what_cannot_be_pulled(flows: Flows) -> None:
    with pytest.raises(NotFoundError):
        flows.pull("wf-none")
    empty = flows.mode.run(flows.client.workflows.create(name="Empty"))
    with pytest.raises(DeploymentError) as caught:
        flows.pull(empty.id)
    assert str(caught.value) == f"{empty.id} ('Empty') has no definition, so there is nothing to pull"
    workflow = flows.create("flow-a")
    (flows.folder / "notes.txt").touch()
    with pytest.raises(
        DeploymentError, match=r"notes.txt' is neither a folder nor a \*\.yaml, \*\.yml or \*\.json file"
    ):
        flows.pull(workflow.id, flows.folder / "notes.txt")
    with pytest.raises(TypeError, match="path must be the path of a folder or a file, not NoneType"):
        flows.mode.run(flows.client.workflows.pull(workflow.id, None))
    assert sorted(path.name for path in flows.folder.iterdir()) == ["notes.txt"]
