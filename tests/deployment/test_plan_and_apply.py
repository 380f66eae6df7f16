"""What a plan finds, and what applying it leaves behind."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError

import pytest

from fibonacci import DeploymentChange, DeploymentError
from fibonacci.emulator import Emulator, LLMCall
from tests.deployment.flows import Flows, steps_of


def test_plan_apply_plan(flows: Flows, emulator: Emulator) -> None:
    flows.write_three()
    first = flows.plan()
    assert steps_of(first) == [("create", f"{letter}.yaml") for letter in "abc"]
    result = flows.apply(first)
    assert steps_of(result) == steps_of(first)
    assert {file: workflow.name for file, workflow in result.workflows.items()} == {
        f"{letter}.yaml": f"flow-{letter}" for letter in "abc"
    }
    assert flows.names() == [f"flow-{letter}" for letter in "abc"]

    before = flows.state()
    emulator.requests.clear()
    second = flows.plan()
    assert [request.path for request in emulator.requests] == ["/tools", "/workflows"]
    assert (second.has_changes, second.changes, second.problems) == (False, (), [])
    assert second.unchanged == tuple(f"{letter}.yaml" for letter in "abc")
    assert flows.apply(second).changes == ()
    assert flows.state() == before
    assert {request.method for request in emulator.requests} == {"GET"}
    for workflow in flows.workflows():
        assert len(flows.mode.run(flows.client.versions.list(workflow.id))) == 1


@pytest.mark.slow
def test_a_plan_of_many_without_changes_costs_two_pages_and_the_tools(flows: Flows, emulator: Emulator) -> None:
    for number in range(201):
        flows.write(f"{number}.yaml", f"flow-{number}")
    flows.apply()
    emulator.requests.clear()
    assert flows.plan().summary == "201 unchanged"
    assert [request.path for request in emulator.requests] == ["/tools", *["/workflows"] * 2]


def test_each_kind_of_change(flows: Flows) -> None:
    flows.write_three()
    flows.write("d.yaml", "flow-d")
    flows.deploy("e.yaml", "flow-e")
    ids = {workflow.name: workflow.id for workflow in flows.workflows()}
    flows.write("a.yaml", "flow-a", "Greet all")  # changed
    flows.write("b.yaml", "renamed", "Greet b")  # another name in the file
    (flows.folder / "c.yaml").unlink()
    (flows.folder / "d.yaml").rename(flows.folder / "moved.yaml")
    flows.write("f.json", "flow-f")
    deleted = flows.delete("flow-e")

    before = flows.state()
    plan = flows.plan(moved={"flow-c": None})
    assert flows.state() == before
    steps = "update a.yaml, update b.yaml, create e.yaml, create f.json, delete c.yaml"
    assert ", ".join(map(" ".join, steps_of(plan))) == steps
    assert plan.unchanged == ("moved.yaml",)
    reasons = {change.file: change.reason for change in plan.changes}
    assert reasons == {
        "a.yaml": "the file has changed",
        "b.yaml": "the file has changed",
        "e.yaml": f"{deleted} was deleted on the platform, so it is created again",
        "f.json": "the file is new",
        "c.yaml": "the file is gone",
    }
    diffs = {change.file: str(change.diff) for change in plan.changes if change.diff}
    assert diffs["a.yaml"] == "~ greet.instruction: 'Greet a' -> 'Greet all'"
    assert diffs["b.yaml"] == "~ name: 'flow-b' -> 'renamed'"
    assert diffs["c.yaml"] == "- greet (llm)"

    result = flows.apply(plan, allow_delete=True)
    assert steps_of(result) == steps_of(plan)
    assert flows.names() == ["flow-a", "flow-d", "flow-e", "flow-f", "renamed"]
    after = {workflow.name: workflow for workflow in flows.workflows()}
    assert {name: after[name].id for name in ("flow-a", "flow-d")} == {name: ids[name] for name in ("flow-a", "flow-d")}
    assert (after["renamed"].id, after["renamed"].version, after["flow-d"].version) == (ids["flow-b"], 2, 1)
    assert flows.is_deployed()


def test_the_text_of_a_plan(flows: Flows) -> None:
    flows.write("a.yaml", "flow-a")
    flows.deploy("gone.yaml", "gone")
    flows.write("a.yaml", "flow-a", "Greet all")
    flows.write("new.yaml", "new")
    (flows.folder / "gone.yaml").unlink()
    plan = flows.plan(moved={"gone": None})
    ids = {workflow.name: workflow.id for workflow in flows.workflows()}
    assert (
        str(plan)
        == f"""\
Plan for {flows.folder} in default at {flows.client.base_url}

~ update a.yaml     'flow-a' ({ids["flow-a"]}, version 1)
    the file has changed
    ~ greet.instruction: 'Greet' -> 'Greet all'

+ create new.yaml   'new'
    the file is new
    + greet (llm)

- delete gone.yaml  'gone' ({ids["gone"]}, version 1)
    the file is gone
    - greet (llm)

Plan: 1 to update, 1 to create, 1 to delete, 0 unchanged."""
    )
    for made, name in ((plan, "changes"), (plan.changes[0], "reason")):
        with pytest.raises(FrozenInstanceError):
            setattr(made, name, None)
    assert repr(plan) == f"<DeploymentPlan {str(flows.folder)!r}: 1 to update, 1 to create, 1 to delete, 0 unchanged>"
    assert "Greet all" not in repr(plan.changes[0])
    assert str(plan.changes[1]) == "+ create new.yaml  'new'\n    the file is new\n    + greet (llm)"

    result = flows.apply(plan, allow_delete=True)
    assert str(result).splitlines() == [
        f"updated a.yaml  'flow-a' ({ids['flow-a']})",
        f"created new.yaml  'new' ({flows.workflow('new').id})",
        f"deleted gone.yaml  'gone' ({ids['gone']})",
    ]
    assert repr(result) == f"<DeploymentResult {str(flows.folder)!r}: 3 done>"
    empty = flows.plan()
    assert str(empty) == f"No changes: {flows.folder} (2 files) matches default at {flows.client.base_url}."
    assert str(flows.apply(empty)) == "Nothing was done."


def test_a_plan_is_neither_true_nor_false(flows: Flows) -> None:
    flows.write("a.yaml", "flow-a")
    plan = flows.plan()
    with pytest.raises(TypeError, match=r"plan\.has_changes .* plan\.problems"):
        bool(plan)
    with pytest.raises(TypeError, match=r"result\.changes"):
        bool(flows.apply(plan))


def test_spellings_defaults_and_comments_are_no_changes(flows: Flows) -> None:
    flows.deploy("a.yaml", "flow-a", version=1)
    (flows.folder / "a.yaml").write_text(
        """# a comment
name: flow-a
description: null
nodes:
- prompt: Greet
  type: llm
  id: greet
  dependencies: []
  max_retries: 3.0
version: 1
"""
    )
    assert flows.is_deployed()


def test_a_description_that_a_file_no_longer_has_is_removed_and_one_that_no_file_had_is_kept(flows: Flows) -> None:
    flows.deploy("a.yaml", "flow-a", description="of the file")
    assert flows.workflow("flow-a").description == "of the file"
    flows.deploy("a.yaml", "flow-a")
    assert flows.workflow("flow-a").description is None
    flows.update("flow-a", description="by other means")
    flows.deploy("a.yaml", "flow-a", "Greet all")
    assert flows.workflow("flow-a").description == "by other means"


def test_which_files_are_read(flows: Flows) -> None:
    flows.write("a.yaml", "a")
    flows.write("b.yml", "b")
    flows.write("c.JSON", "c")
    flows.write(".hidden.yaml", "hidden")
    (flows.folder / "notes.txt").write_text("not a definition")
    (flows.folder / "sub.yaml").mkdir()
    (flows.folder / "below").mkdir()
    flows.beside(flows.folder / "below").write("d.yaml", "d")
    flows.apply()
    assert flows.names() == ["a", "b", "c"]
    flows.beside(flows.folder / "below").apply()
    assert flows.names() == ["a", "b", "c", "d"]
    assert flows.is_deployed()


def test_nothing_is_deleted_unless_it_is_allowed(flows: Flows) -> None:
    flows.write_three()
    flows.apply()
    doomed = [flows.workflow("flow-a").id, flows.workflow("flow-b").id]
    (flows.folder / "a.yaml").unlink()
    (flows.folder / "b.yaml").unlink()
    flows.write("c.yaml", "flow-c", "changed")
    before = flows.state()
    plan = flows.plan()
    with pytest.raises(DeploymentError) as caught:
        flows.apply(plan)
    assert str(caught.value) == (
        f"the plan deletes 'flow-a' ({doomed[0]}), 'flow-b' ({doomed[1]}): pass allow_delete=True if you mean to "
        "delete, or restore the files. Nothing was done."
    )
    assert flows.state() == before
    flows.apply(plan, allow_delete=True)
    assert flows.names() == ["flow-c"]
    assert flows.is_deployed()


def test_all_files_gone(flows: Flows) -> None:
    flows.write("a.yaml", "flow-a")
    flows.write("b.yaml", "flow-b")
    ids = {change.name: change.workflow_id for change in flows.apply().changes}
    flows.update("flow-a", name="renamed by hand")
    flows.delete("flow-b")
    (flows.folder / "a.yaml").unlink()
    (flows.folder / "b.yaml").unlink()
    plan = flows.plan()
    assert [(each.action, each.name) for each in plan.changes] == [("record", "flow-b"), ("delete", "renamed by hand")]
    before = flows.state()
    with pytest.raises(DeploymentError) as caught:
        flows.apply(plan, allow_delete=True, overwrite=True)
    assert str(caught.value) == (
        f"the plan deletes 'renamed by hand' ({ids['flow-a']}), because no definition is left in the folder: pass "
        "allow_delete=True and allow_empty=True if you mean to delete, or restore the files. Nothing was done."
    )
    assert flows.state() == before
    flows.apply(plan, allow_delete=True, allow_empty=True, overwrite=True)
    assert flows.workflows() == []
    assert flows.states() == {}


def test_a_plan_says_what_a_change_needs_and_what_it_breaks(flows: Flows, emulator: Emulator) -> None:
    flows.write("a.yaml", "flow-a", "Greet {{input.name}} of {{input.town}} {{memory.x}} {{env.REGION}}")
    flows.write("b.yaml", "flow-b")
    plan = flows.plan()
    assert [(change.needs, change.breaks, change.running) for change in plan.changes] == [
        (("env.REGION",), (), None),
        ((), (), None),
    ]
    flows.apply(plan)
    flows.write(
        "a.yaml",
        "flow-a",
        "Greet {{input.name}} of {{input.city}} {{memory.y}} {{env.REGION}} {{ secrets.TOKEN }} {{input.tone}}",
        input_schema={"properties": {"name": {}, "city": {}, "tone": {}}, "required": ["city"]},
        outputs={"a": "{{greet}} {{env.ZONE}}"},
    )
    flows.write("b.yaml", "flow-b", "Edited")
    first, second = flows.plan().changes
    assert first.needs == ("input.city", "secrets.TOKEN", "input.tone", "env.ZONE")
    assert first.breaks == ("input.city is required now", "input.town is gone")
    assert (second.needs, second.breaks) == ((), ())
    assert str(first).splitlines()[2:4] == [
        "    newly needs input.city, secrets.TOKEN, input.tone, env.ZONE",
        "    breaks callers: input.city is required now, input.town is gone",
    ]


def test_a_plan_says_how_many_executions_are_running(flows: Flows, emulator: Emulator) -> None:
    flows.write_three()
    flows.apply()
    flows.write("b.yaml", "flow-b", "Edited")
    (flows.folder / "c.yaml").unlink()
    started, may_end = threading.Event(), threading.Event()

    @emulator.llm
    def wait(call: LLMCall) -> str:
        started.set()
        assert may_end.wait(30)
        return "done"

    workflow_id = flows.workflow("flow-b").id
    with ThreadPoolExecutor() as threads:
        execution = threads.submit(emulator.client().workflows.execute, workflow_id)
        try:
            assert started.wait(30)
            emulator.requests.clear()
            plan = flows.plan()
        finally:
            may_end.set()
        execution.result()
    assert [(change.file, change.running) for change in plan.changes] == [("b.yaml", 1), ("c.yaml", 0)]
    assert "\n    1 execution is running\n" in str(plan)
    assert [request.path for request in emulator.requests].count("/executions") == 2  # not of what stays as it is


def test_a_plan_is_made_without_a_list_of_executions(flows: Flows, emulator: Emulator) -> None:
    flows.deploy("a.yaml", "flow-a")
    flows.write("a.yaml", "flow-a", "Edited")
    emulator.fail("GET /executions", status=403)
    (change,) = flows.plan().changes
    assert change.running is None


def test_the_state_has_no_secrets_and_does_not_depend_on_its_history(flows: Flows, emulator: Emulator) -> None:
    flows.write_three()
    flows.apply()
    workflow = flows.workflow("flow-a")
    place = flows.folder / ".fibonacci" / "default"
    assert sorted(path.name for path in place.iterdir()) == sorted(
        ["platform.json", *(f"{each.id}.json" for each in flows.workflows())]
    )
    assert not any(emulator.api_key in path.read_text("utf-8") for path in place.iterdir())
    assert json.loads((place / "platform.json").read_text("utf-8")) == {
        "format": 1,
        "base_url": flows.client.base_url,
        "organization_id": "default",
    }
    text = flows.state_file("a.yaml").read_text("utf-8")
    assert text.startswith('{\n  "name": "flow-a",\n'), "it is read in differences between commits"
    state = json.loads(text)
    hashes = {state.pop("applied"), state["seen"].pop("definition")}
    assert len(hashes) == 1
    seen = {"version": 1, "name": "flow-a"}
    assert state == {"file": "a.yaml", "id": workflow.id, "name": "flow-a", "seen": seen}
    flows.deploy("a.yaml", "flow-a", "changed")
    flows.deploy("a.yaml", "flow-a", "Greet a")
    assert {flows.states()["a.yaml"]["applied"]} == hashes


def test_each_change_is_reported_when_it_is_made(flows: Flows) -> None:
    flows.write("a.yaml", "flow-a")
    flows.write("b.yaml", "flow-b")
    reported: list[tuple[str, str | None, list[str]]] = []

    def report(change: DeploymentChange) -> None:
        reported.append((change.file, change.workflow_id, sorted(flows.states())))

    result = flows.apply(on_change=report)
    ids = {file: workflow.id for file, workflow in result.workflows.items()}
    assert reported == [("a.yaml", ids["a.yaml"], ["a.yaml"]), ("b.yaml", ids["b.yaml"], ["a.yaml", "b.yaml"])]
