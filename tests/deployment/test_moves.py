"""A workflow is its file's by the name in the file; what no name tells, the user does."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci import DeploymentError
from fibonacci.emulator import Emulator
from tests.deployment.flows import Flows, definition, steps_of


def ids_of(flows: Flows) -> dict[str, str]:
    return {str(workflow.name): workflow.id for workflow in flows.workflows()}


def move(flows: Flows, files: dict[str, str]) -> None:
    """Move files at once, as `git mv` by way of other names."""
    texts = {new: (flows.folder / old).read_text() for old, new in files.items()}
    for old in files:
        (flows.folder / old).unlink()
    for new, text in texts.items():
        (flows.folder / new).write_text(text)


def test_named_files_that_move_or_change_places_change_nothing(flows: Flows, emulator: Emulator) -> None:
    flows.write_three()
    flows.apply()
    before = flows.states(), ids_of(flows)
    for moves in ({"a": "b", "b": "a"}, {"a": "c", "b": "a", "c": "b"}, {"a": "x"}):
        move(flows, {f"{old}.yaml": f"{new}.yaml" for old, new in moves.items()})
        emulator.requests.clear()
        assert flows.apply().changes == ()
        assert {request.method for request in emulator.requests} == {"GET"}
        assert (flows.states(), ids_of(flows)) == before


def test_files_without_names_are_moved_by_intent(flows: Flows) -> None:
    for letter in "ac":
        flows.write(f"{letter}.yaml", None, f"Greet {letter}")
    flows.apply()
    before = ids_of(flows)
    move(flows, {"a.yaml": "b.yaml"})
    assert flows.problems() == [
        'b.yaml: \'a\' is gone, and \'b\' is new: if it was renamed, pass moved={"a": "b"}, else moved={"a": None}'
    ]
    plan = flows.plan(moved={"a": "b"})
    assert steps_of(plan) == [("record", "b.yaml")]
    assert plan.changes[0].reason == "a.yaml is now b.yaml: only the state changes"
    flows.apply(plan)
    assert ids_of(flows) == before
    assert flows.plan(moved={"a": "b"}).has_changes is False, "what was done before is no fault"
    assert flows.is_deployed()


def test_a_name_and_a_file_that_change_at_once_are_no_guess(flows: Flows) -> None:
    flows.deploy("a.yaml", "Mail one", "Greet")
    before = flows.workflow("Mail one").id
    (flows.folder / "a.yaml").unlink()
    flows.write("b.yaml", "two", "Part")
    (problem,) = flows.problems()
    assert problem.endswith('if it was renamed, pass moved={"Mail one": "two"}, else moved={"Mail one": None}')
    apart = flows.plan(moved={"Mail one": None})
    assert steps_of(apart) == [("create", "b.yaml"), ("delete", "a.yaml")]
    with pytest.raises(DeploymentError, match="allow_delete=True"):
        flows.apply(apart)
    moved = flows.plan(moved={"Mail one": "two"})
    assert [(change.action, change.file, change.workflow_id) for change in moved.changes] == [
        ("update", "b.yaml", before)
    ]
    flows.apply(moved)
    assert ids_of(flows) == {"two": before}
    assert flows.is_deployed()


def test_a_new_file_in_the_place_of_one_that_is_gone_is_reported_with_its_own_workflow(flows: Flows) -> None:
    flows.deploy("a.yaml", "one")
    before = flows.workflow("one").id
    flows.write("a.yaml", "new", "Part")
    result = flows.apply(flows.plan(moved={"one": None}), allow_delete=True)
    created = flows.workflow("new").id
    assert [(change.action, change.workflow_id) for change in result.changes] == [
        ("create", created),
        ("delete", before),
    ]
    assert str(result) == f"created a.yaml  'new' ({created})\ndeleted a.yaml  'one' ({before})"
    assert flows.is_deployed()


def test_faults_in_moved(flows: Flows) -> None:
    for letter in "ac":
        flows.write(f"{letter}.yaml", letter)
    flows.apply()
    flows.write("b.yaml", "b")
    rows: list[tuple[Any, type[Exception], str]] = [
        ("a=b", TypeError, "moved must be a mapping of old names to new ones, or to None for .*, not 'a=b'"),
        ({"a": 1}, TypeError, "moved must be a mapping .*, not {'a': 1}"),
        ({"x": "b"}, ValueError, "moved has 'x', but no such workflow is deployed to this environment"),
        ({"a": "x"}, ValueError, "moved has 'x', but no file in the folder has this name"),
        ({"a": "b", "c": "b"}, ValueError, "moved maps two workflows to 'b'"),
        ({"a": "c", "c": "a"}, ValueError, "moved maps 'a' to 'c', but another workflow is deployed by"),
    ]
    for moved, error, words in rows:
        with pytest.raises(error, match=words):
            flows.plan(moved=moved)


def test_a_conflict_is_no_loss(flows: Flows) -> None:
    flows.write("a.yaml", "flow-a")
    flows.deploy("b.yaml", "flow-b")
    changed = flows.update("flow-a", definition=definition("flow-a", "by hand"))
    plan = flows.plan()
    (change,) = plan.changes
    assert (change.action, change.is_conflict) == ("update", True)
    assert change.reason == (
        "the platform has changed since the last apply (version 1 -> 2): overwrite=True replaces that, "
        f'pull("{changed.id}", folder) keeps it'
    )
    assert str(change.diff) == "~ greet.instruction: 'by hand' -> 'Greet'"
    assert plan.summary == "1 to update, 1 conflict, 1 unchanged"
    assert "! update a.yaml" in str(plan)
    flows.write("a.yaml", "flow-a", "by file")
    plan = flows.plan()
    assert plan.changes[0].reason.startswith("the file has changed, and the platform has changed since the last apply")
    assert plan.changes[0].reason.endswith(f'pull("{changed.id}", folder, merge=True) adds it to yours')
    before = flows.state()
    with pytest.raises(DeploymentError) as caught:
        flows.apply(plan)
    assert str(caught.value) == (
        f"'flow-a' ({changed.id}) was changed on the platform since the last apply: "
        f'pull("{changed.id}", folder) keeps the platform\'s version, overwrite=True replaces it. Nothing was done.'
    )
    assert flows.state() == before
    flows.apply(plan, overwrite=True)
    assert flows.workflow("flow-a").definition == definition("flow-a", "by file")
    assert flows.is_deployed()


def test_a_workflow_that_was_changed_is_not_deleted_by_the_way(flows: Flows) -> None:
    flows.deploy("a.yaml", "flow-a")
    flows.update("flow-a", description="needed")
    (flows.folder / "a.yaml").unlink()
    plan = flows.plan()
    assert plan.changes[0].reason.startswith("the file is gone, and the platform has changed since the last apply")
    with pytest.raises(DeploymentError, match="overwrite=True"):
        flows.apply(plan, allow_delete=True, allow_empty=True)
    flows.apply(plan, allow_delete=True, allow_empty=True, overwrite=True)
    assert flows.workflows() == []


def test_a_conflict_names_the_environment_that_is_pulled_from(flows: Flows) -> None:
    flows.write("a.yaml", "flow-a")
    flows.apply(flows.plan(environment="production"))
    changed = flows.update("flow-a", definition=definition("flow-a", "by hand"))
    plan = flows.plan(environment="production")
    words = f'pull("{changed.id}", folder, environment="production") keeps it'
    assert plan.changes[0].reason.endswith(words)
    with pytest.raises(DeploymentError, match=r'pull\("wf-\w+", folder, environment="production"\) keeps the platform'):
        flows.apply(plan)
    flows.pull(changed.id, environment="production")
    assert not flows.plan(environment="production").has_changes
