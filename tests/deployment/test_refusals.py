"""What is refused, with words that say why and what to do, and nothing done."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibonacci import DeploymentError
from fibonacci.emulator import Emulator
from tests.deployment.flows import Flows, client_of, undone
from tests.kit.assertions import each_row
from tests.kit.mode import Mode


def refusal(flows: Flows) -> str:
    """Return the text with which a plan is refused; it must have changed nothing."""
    before = flows.state()
    with pytest.raises(DeploymentError) as caught:
        flows.plan()
    assert flows.state() == before
    return str(caught.value)


def test_names_that_are_taken_are_told_all_at_once(flows: Flows) -> None:
    flows.deploy("known.yaml", "known")
    second, taken, *twins = (flows.create(name).id for name in ("known", "taken", "twin", "twin"))
    flows.write("a.yaml", "taken")
    flows.write("b.yaml", "twin")
    flows.write("same.yaml", None)
    flows.write("c.yaml", "same")
    needs = "each workflow needs its own name"
    assert flows.problems() == [
        f"a.yaml: {taken} on the platform is called 'taken', but was not deployed from this folder to this environment:"
        f' pull("{taken}", folder) if it belongs to this file, or rename one of them',
        f"b.yaml: {twins[0]} and {twins[1]} on the platform are called 'twin': rename or delete it, because {needs}",
        f"c.yaml: c.yaml and same.yaml are both called 'same': {needs}",
        f"known.yaml: {second} on the platform is also called 'known': rename or delete it, because {needs}",
    ]


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
    assert str(plan).endswith(f"\n\nPlan: {len(files)} errors. apply refuses this plan.")


def test_a_file_that_cannot_be_read(flows: Flows) -> None:
    flows.deploy("a.yaml", "a")
    (flows.folder / "a.yaml").unlink()
    (flows.folder / "a.yaml").symlink_to(flows.folder / "nowhere.yaml")
    (problem,) = flows.problems()
    assert problem.startswith("a.yaml: the file cannot be read: No such file")


BAD_NAMES = {
    "flows\\a.yaml": "has a backslash in its name: give it another one",
    os.fsdecode(b"caf\xe9.yaml"): "has a name that is not UTF-8: give it another one",
}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_file_whose_name_the_state_cannot_have_is_refused_before_anything_is_done(
    flows: Flows, emulator: Emulator
) -> None:
    other = flows.create("other")
    for name, words in BAD_NAMES.items():
        emulator.requests.clear()
        with pytest.raises(DeploymentError, match=words):
            flows.pull(other.id, flows.folder / name)
        assert list(flows.folder.iterdir()) == []
        flows.write(name, "flow")
        with pytest.raises(DeploymentError, match=words):
            flows.plan()
        assert list(emulator.requests) == []
        (flows.folder / name).unlink()


def test_what_is_no_folder_is_refused(flows: Flows, tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none", "No such file or directory"), (Path(__file__), "Not a directory")):
        with pytest.raises(DeploymentError) as caught:
            flows.beside(path).plan()
        assert str(caught.value) == f"folder {str(path)!r} cannot be read: {why}"


def test_no_definition(flows: Flows) -> None:
    (flows.folder / "notes.txt").touch()
    (flows.folder / ".hidden.yaml").touch()
    assert refusal(flows) == f"folder {str(flows.folder)!r} has no definition: it has no *.yaml, *.yml or *.json file"


def test_arguments(flows: Flows, emulator: Emulator) -> None:
    flows.write("a.yaml", "a")
    plan = flows.plan()
    emulator.requests.clear()
    with pytest.raises(TypeError, match="folder must be the path of a folder, not int"):
        flows.mode.run(flows.client.workflows.plan(7))
    with pytest.raises(
        TypeError, match=r"plan must be a DeploymentPlan, as workflows\.plan\(folder\) returns it, not str"
    ):
        flows.mode.run(flows.client.workflows.apply("flows"))
    with pytest.raises(TypeError, match="allow_delete must be True or False, not str"):
        flows.apply(plan, allow_delete="no")
    with pytest.raises(TypeError, match="overwrite must be True or False, not int"):
        flows.pull("wf-1", overwrite=1)
    assert len(emulator.requests) == 0


def change(of: str, **fields: Any) -> Callable[[Flows], None]:
    """Return what changes fields of a file of the state: `platform.json`, or that of a definition file."""

    def act(flows: Flows) -> None:
        path = flows.folder / ".fibonacci/default/platform.json" if of == "platform" else flows.state_file(of)
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return act


def replace(text: str, file: str = "a.yaml") -> Callable[[Flows], object]:
    return lambda flows: flows.state_file(file).write_text(text)


def copy_state(flows: Flows) -> None:
    path = flows.state_file("a.yaml")
    path.with_name("wf-other.json").write_text(path.read_text().replace(path.stem, "wf-other"))


def rename_state(flows: Flows) -> None:
    path = flows.state_file("a.yaml")
    path.rename(path.with_name("mine.json"))


def put_a_file_there(flows: Flows) -> None:
    path = flows.folder / ".fibonacci/default"
    shutil.rmtree(path)
    path.touch()


def platform_file(flows: Flows) -> Path:
    return flows.folder / ".fibonacci" / "default" / "platform.json"


STATES: list[tuple[Callable[[Flows], object], str]] = [
    (replace("<<<<<<< HEAD\n"), "cannot be read (Invalid JSON: expected value at line 1"),
    (replace(""), "cannot be read (Invalid JSON: EOF"),
    (replace("[" * 100_000), "cannot be read (Invalid JSON: recursion limit exceeded"),
    (replace("[]"), "cannot be read"),
    (change("a.yaml", id=7), "cannot be read (id: Input should be a valid string)"),
    (change("a.yaml", id=""), "cannot be read (id:"),
    (put_a_file_there, "default cannot be read: Not a directory"),
    (copy_state, ".json and wf-other.json are both called 'a': remove one of them"),
    (rename_state, "mine.json cannot be read (its content belongs in wf-"),
    (
        change("a.yaml", file="../b.yaml"),
        "cannot be read (it belongs to '../b.yaml', which is not a file of this folder): restore it,"
        " for example from version control",
    ),
    (lambda flows: platform_file(flows).write_text("{}"), "cannot be read (no key 'format')"),
    (lambda flows: platform_file(flows).unlink(), "platform.json cannot be read (No such file"),
    (change("platform", base_url="http://[::1"), "platform.json cannot be read (Invalid IPv6 URL): restore"),
    (change("platform", format=2), "(it has the format 2, but this version of fibonacci-sdk reads 1: upgrade"),
    (
        change("platform", base_url="https://api.fibonacci.dev/v1"),
        "belongs to https://api.fibonacci.dev/v1, but the client calls http://127.0.0.1/v1",
    ),
    (
        change("platform", organization_id="acme"),
        "belongs to the organization 'acme', but the client's key belongs to 'default'. Pass the client that",
    ),
]


@each_row(("act", "words"), STATES)
def test_a_state_that_is_damaged_or_of_another_platform_is_refused(
    flows: Flows, emulator: Emulator, act: Callable[[Flows], object], words: str
) -> None:
    with undone(emulator, flows.folder):
        flows.deploy("a.yaml", "a")
        other = flows.create("other")
        act(flows)
        text = refusal(flows)
        assert str(flows.folder) in text
        assert words in text
        with pytest.raises(DeploymentError):
            flows.pull(other.id)
        assert not (flows.folder / "other.yaml").exists()


def test_the_faults_of_all_states_come_at_once(flows: Flows) -> None:
    flows.write_three()
    flows.apply()
    paths = [flows.state_file("a.yaml"), flows.state_file("b.yaml"), platform_file(flows)]
    for path in paths:
        path.write_text("<<<<<<< HEAD\n")
    lines = refusal(flows).splitlines()
    assert sorted(line.partition(" cannot be read ")[0] for line in lines) == sorted(map(str, paths))


def test_the_spellings_of_loopback_are_one_host(flows: Flows) -> None:
    flows.deploy("a.yaml", "a")
    for host in ("localhost", "[::1]", "LOCALHOST"):
        change("platform", base_url=f"http://{host}/v1")(flows)
        assert flows.is_deployed()
    for other in ("http://localhost:1/v1", "http://elsewhere.example/v1"):
        change("platform", base_url=other)(flows)
        assert f"belongs to {other}, but" in refusal(flows)


def test_a_state_that_is_a_link(flows: Flows, tmp_path: Path) -> None:
    """A folder that was cloned may have links to any place."""
    flows.deploy("a.yaml", "a")
    for link in (".fibonacci/default", ".fibonacci"):
        path = flows.folder / link
        shutil.move(path, tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
        assert refusal(flows) == f"{path} is a symbolic link, but must be a folder: remove it"


def test_a_plan_of_another_platform(flows: Flows, mode: Mode, emulator: Emulator) -> None:
    flows.write("a.yaml", "a")
    plan = flows.plan()
    elsewhere = Flows(mode, client_of(mode, emulator, base_url="http://127.0.0.1:1/v1"), flows.folder)
    with pytest.raises(DeploymentError) as caught:
        elsewhere.apply(plan)
    assert str(caught.value) == (
        "the plan was made for http://127.0.0.1/v1, and the client calls http://127.0.0.1:1/v1"
    )
    assert elsewhere.workflows() == []
