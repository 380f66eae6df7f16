"""What is refused, with words that say why and what to do, and nothing done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibonacci import DeploymentError
from fibonacci.emulator import Emulator
from tests.deployment.flows import Flows
from tests.kit.mode import Mode


def refusal(flows: Flows) -> str:
    """Return the text with which a plan is refused; it must have changed nothing."""
    before = flows.state()
    with pytest.raises(DeploymentError) as caught:
        flows.plan()
    assert flows.state() == before
    return str(caught.value)


def test_two_files_of_one_name(flows: Flows) -> None:
    flows.write("a.yaml", "twin")
    flows.write("b.yaml", "twin")
    flows.write("c.yaml", "c")
    assert flows.problems() == ["a.yaml: a.yaml and b.yaml are both called 'twin': a name stands for one workflow"]


def test_two_files_of_one_name_by_the_name_of_one_file(flows: Flows) -> None:
    flows.write("twin.yaml", None)
    flows.write("b.yaml", "twin")
    assert flows.problems() == ["b.yaml: b.yaml and twin.yaml are both called 'twin': a name stands for one workflow"]


def test_a_workflow_of_the_name_that_the_lock_file_does_not_know(flows: Flows) -> None:
    other = flows.create("taken", "of someone")
    flows.write("a.yaml", "taken")
    assert flows.problems() == [
        f"a.yaml: {other.id} on the platform is called 'taken', and the lock file does not know it: "
        f'pull("{other.id}", folder) if it is this file\'s, else rename one'
    ]


def test_even_one_that_is_the_same_is_not_adopted_by_itself(flows: Flows) -> None:
    other = flows.create("taken")
    flows.write("a.yaml", "taken")
    assert len(flows.problems()) == 1
    assert flows.pull(other.id) == flows.folder / "a.yaml"
    assert flows.is_deployed()


def test_two_workflows_of_the_name_on_the_platform(flows: Flows) -> None:
    ids = [flows.create("twin").id for _ in range(2)]
    flows.write("a.yaml", "twin")
    assert flows.problems() == [
        f"a.yaml: {ids[0]} and {ids[1]} on the platform are called 'twin': "
        "rename or delete it, for a name stands for one workflow"
    ]


def test_a_second_workflow_of_the_name_beside_the_known_one(flows: Flows) -> None:
    flows.write("a.yaml", "flow-a")
    flows.apply()
    other = flows.create("flow-a")
    assert flows.problems() == [
        f"a.yaml: {other.id} on the platform is also called 'flow-a': "
        "rename or delete it, for a name stands for one workflow"
    ]


def test_all_refusals_come_at_once(flows: Flows) -> None:
    flows.create("taken")
    flows.write("a.yaml", "taken")
    flows.write("b.yaml", "twin")
    flows.write("c.yaml", "twin")
    assert [each.partition(":")[0] for each in flows.problems()] == ["a.yaml", "b.yaml"]


def test_all_faults_of_all_files_come_at_once(flows: Flows, emulator: Emulator) -> None:
    flows.write("a.yaml", "fine")
    (flows.folder / "b.json").write_text('{"name": "b", "nodes": [{"id": "x", "type": "llm"}]}')
    (flows.folder / "c.yaml").write_text("name: c\nnodes:\n- id: y\n  type: tool\n  tool: t\n  dependencies: [z]\n")
    (flows.folder / "d.yaml").write_text("name: [\n")
    (flows.folder / "e.yaml").write_bytes(b"\xff\xfe")
    files = [each.partition(":")[0] for each in flows.problems()]
    assert list(dict.fromkeys(files)) == ["b.json", "c.yaml", "d.yaml", "e.yaml"]
    emulator.requests.clear()
    plan = flows.plan()
    assert [request.path for request in emulator.requests] == ["/tools"]
    assert f"{flows.folder / 'c.yaml'}:6:18" in str(plan)
    assert str(plan).endswith(f"\n\nPlan: {len(files)} errors, so apply refuses it.")


def test_a_file_that_cannot_be_read(flows: Flows) -> None:
    flows.write("a.yaml", "a")
    flows.apply()
    (flows.folder / "a.yaml").unlink()
    (flows.folder / "a.yaml").symlink_to(flows.folder / "nowhere.yaml")
    (problem,) = flows.problems()
    assert problem.startswith("a.yaml: the file cannot be read: No such file")


def test_what_is_no_folder_is_refused(flows: Flows, tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none", "No such file or directory"), (Path(__file__), "Not a directory")):
        with pytest.raises(DeploymentError) as caught:
            flows.beside(path).plan()
        assert str(caught.value) == f"folder {str(path)!r} cannot be read: {why}"


def test_no_definition(flows: Flows) -> None:
    (flows.folder / "notes.txt").touch()
    (flows.folder / ".hidden.yaml").touch()
    assert refusal(flows) == f"folder {str(flows.folder)!r} has no definition: no file *.yaml, *.yml or *.json"


def test_arguments(flows: Flows, emulator: Emulator) -> None:
    flows.write("a.yaml", "a")
    plan = flows.plan()
    emulator.requests.clear()
    with pytest.raises(TypeError, match="folder must be the path of a folder, not int"):
        flows.mode.run(flows.client.workflows.plan(7))
    with pytest.raises(TypeError, match=r"plan must be what workflows\.plan\(folder\) returns, not str"):
        flows.mode.run(flows.client.workflows.apply("flows"))
    with pytest.raises(TypeError, match="allow_delete must be True or False, not str"):
        flows.apply(plan, allow_delete="no")
    with pytest.raises(TypeError, match="overwrite must be True or False, not int"):
        flows.pull("wf-1", overwrite=1)
    assert len(emulator.requests) == 0


def change_lock(**fields: Any) -> Callable[[dict[str, Any]], str]:
    return lambda lock: json.dumps({**lock, **fields})


def change_entry(**fields: Any) -> Callable[[dict[str, Any]], str]:
    def change(lock: dict[str, Any]) -> str:
        return json.dumps({**lock, "workflows": {"a.yaml": {**lock["workflows"]["a.yaml"], **fields}}})

    return change


def unknown_id(lock: dict[str, Any]) -> str:
    entry = lock["workflows"]["a.yaml"]
    return json.dumps({**lock, "workflows": {"a.yaml": entry, "b.yaml": entry}})


LOCKS: dict[str, tuple[Callable[[dict[str, Any]], str], str]] = {
    "not JSON": (lambda _: "<<<<<<< HEAD\n", "cannot be read (Expecting value: line 1 column 1 (char 0)): restore it"),
    "empty": (lambda _: "", "cannot be read (Expecting value"),
    "deep": (lambda _: "[" * 100_000, "cannot be read (maximum recursion depth exceeded"),
    "a list": (lambda _: "[]", "cannot be read"),
    "no format": (lambda _: "{}", "cannot be read (no key 'format')"),
    "newer": (change_lock(format=2), "has the format 2, and this version of fibonacci-sdk reads 1: upgrade it"),
    "no workflows": (
        change_lock(workflows=None),
        "cannot be read (workflows: Input should be a valid dictionary): restore it",
    ),
    "no id": (change_entry(id=7), "cannot be read (workflows.a.yaml.id: Input should be a valid string)"),
    "empty id": (change_entry(id=""), "cannot be read (workflows.a.yaml.id:"),
    "one workflow twice": (unknown_id, "has one workflow for two files: remove the entry of one of them"),
    "another folder": (
        lambda lock: json.dumps({**lock, "workflows": {"../b.yaml": lock["workflows"]["a.yaml"]}}),
        "names '../b.yaml', which is no file of this folder: remove that entry",
    ),
    "another platform": (
        change_lock(base_url="https://api.fibonacci.dev/v1"),
        "belongs to https://api.fibonacci.dev/v1, and the client calls http://127.0.0.1:",
    ),
    "another organization": (
        change_lock(organization_id="acme"),
        "belongs to the organization 'acme', and the client's key to 'default'. Use the client that it was made with",
    ),
}


@pytest.mark.parametrize("kind", LOCKS)
def test_a_damaged_lock_file_is_refused(flows: Flows, kind: str) -> None:
    flows.write("a.yaml", "a")
    flows.apply()
    change, words = LOCKS[kind]
    (flows.folder / "fibonacci.lock").write_text(change(flows.lock()))
    text = refusal(flows)
    assert text.startswith(str(flows.folder / "fibonacci.lock"))
    assert words in text
    other = flows.create("other")
    with pytest.raises(DeploymentError):
        flows.pull(other.id)
    assert not (flows.folder / "other.yaml").exists()


def test_a_lock_file_that_is_a_folder(flows: Flows) -> None:
    flows.write("a.yaml", "a")
    (flows.folder / "fibonacci.lock").mkdir()
    assert refusal(flows).startswith(f"{flows.folder / 'fibonacci.lock'} cannot be read: ")


def test_a_lock_file_none_of_whose_workflows_is_there(flows: Flows, mode: Mode) -> None:
    """The key of another organization, on a platform that does not tell organizations."""
    flows.write_five()
    flows.apply()
    with Emulator() as other:
        text = (flows.folder / "fibonacci.lock").read_text().replace(flows.client.base_url, other.base_url)
        (flows.folder / "fibonacci.lock").write_text(text)
        elsewhere = Flows(mode, mode.client_of(other), flows.folder)
        assert "none of the 5 workflows of" in refusal(elsewhere)
        assert elsewhere.workflows() == []


def test_a_plan_of_another_platform(flows: Flows, mode: Mode) -> None:
    flows.write("a.yaml", "a")
    plan = flows.plan()
    with Emulator() as other:
        elsewhere = Flows(mode, mode.client_of(other), flows.folder)
        with pytest.raises(DeploymentError) as caught:
            elsewhere.apply(plan)
        assert str(caught.value) == (
            f"the plan was made for {flows.client.base_url}, and the client calls {other.base_url}"
        )
        assert elsewhere.workflows() == []


def test_a_folder_that_was_moved_takes_its_lock_file_along(flows: Flows, tmp_path: Path) -> None:
    flows.write_five()
    flows.apply()
    shutil.move(flows.folder, tmp_path / "moved")
    assert flows.beside(tmp_path / "moved").is_deployed()
