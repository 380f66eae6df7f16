"""A plan that is saved and applied elsewhere or later does exactly what was reviewed, or is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibonacci import DeploymentError, DeploymentPlan
from fibonacci.emulator import Emulator
from tests.deployment.flows import Flows, definition, steps_of
from tests.kit.assertions import each_row


def plan_of_each_kind(flows: Flows) -> DeploymentPlan:
    """Return a plan with a change of each kind, two conflicts, and a warning."""
    flows.write_three()
    for name in ("d", "e"):
        flows.write(f"{name}.yaml", f"flow-{name}", f"Greet {name}")
    flows.deploy("moved.yaml", None)
    flows.write("a.yaml", "flow-a", "changed", mood="kind")
    flows.update("flow-b", definition=definition("flow-b", "changed on the platform"))
    flows.write("b.yaml", "flow-b", "changed")
    flows.update("flow-c", definition=definition("flow-c", "needed"))
    (flows.folder / "c.yaml").unlink()
    (flows.folder / "d.yaml").unlink()
    (flows.folder / "moved.yaml").rename(flows.folder / "elsewhere.yaml")
    flows.write("new.yaml", "new \u2028 | `name`")
    return flows.plan(moved={"flow-c": None, "flow-d": None, "moved": "elsewhere"})


def test_a_plan_is_the_same_when_it_is_loaded(flows: Flows, emulator: Emulator) -> None:
    plan = plan_of_each_kind(flows)
    assert plan.summary == "1 to record, 2 to update, 1 to create, 2 to delete, 2 conflicts, 1 unchanged, 1 warning"
    file = flows.folder / "plan.plan"
    plan.save(file)
    loaded = DeploymentPlan.load(file)
    assert loaded == plan
    assert (str(loaded), repr(loaded)) == (str(plan), repr(plan))
    text = file.read_text("utf-8")
    assert emulator.api_key not in text
    assert str(flows.folder) not in text
    loaded.save(file)
    assert file.read_text("utf-8") == text


def test_a_plan_with_errors_is_refused_when_it_is_applied(flows: Flows, tmp_path: Path) -> None:
    flows.write("a.yaml", "same")
    flows.write("b.yaml", "same")
    plan = flows.plan()
    plan.save(tmp_path / "plan.json")
    assert DeploymentPlan.load(tmp_path / "plan.json") == plan
    with pytest.raises(ValueError, match="both called 'same'"):
        flows.apply(DeploymentPlan.load(tmp_path / "plan.json"))


def test_another_checkout_applies_what_was_reviewed(flows: Flows, tmp_path: Path) -> None:
    """The folder is elsewhere, and its files are others: a branch that went on, a checkout of one commit only."""
    plan = plan_of_each_kind(flows)
    plan.save(tmp_path / "plan.json")
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.move(flows.folder, clone / flows.folder.name)
    shutil.move(tmp_path / "plan.json", clone)
    other = flows.beside(clone / flows.folder.name)
    other.write("a.yaml", "flow-a", "not reviewed")
    other.write("later.yaml", "later")
    result = other.apply(DeploymentPlan.load(clone / "plan.json"), allow_delete=True, overwrite=True)
    assert steps_of(result) == steps_of(plan)
    assert other.workflow("flow-a").definition == definition("flow-a", "changed", mood="kind")
    assert other.names() == sorted(["flow-a", "flow-b", "flow-e", "moved", "new \u2028 | `name`"])
    assert steps_of(other.plan()) == [("update", "a.yaml"), ("create", "later.yaml")]


def seal(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a file with the digest that it has to have."""
    from fibonacci.deployment.plan import file_digest

    rest = {name: value for name, value in content.items() if name != "digest"}
    return {"digest": file_digest(rest), **rest}


def edited(content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the content of a file with other fields of its first change."""
    changes = [{**content["plan"]["changes"][0], **fields}]
    return {**content, "plan": {**content["plan"], "changes": changes}}


REFUSED: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda _: "nodes: []", " is not a saved plan: make a new plan and save it with plan.save(path)"),
    (lambda content: json.dumps(content)[:-9], " is not a saved plan: make"),
    (lambda _: [1], " is not a saved plan: make"),
    (lambda content: content["plan"], " is not a saved plan: make"),
    (
        lambda content: {**content, "format": 2, "news": 1},
        " has the format 2, but this version of fibonacci-sdk reads 1: upgrade fibonacci-sdk",
    ),
    (lambda content: edited(content, name="other"), " has been changed since it was saved: make a new plan"),
    (
        lambda content: seal(edited(content, name=7)),
        " cannot be applied (plan.changes.0.name: Input should be a valid string)",
    ),
    (lambda content: seal(edited(content, action="drop")), "(plan.changes.0.action: "),
    (lambda content: seal({**content, "extra": 1}), "(extra: "),
    (
        lambda content: seal({**content, "plan": {**content["plan"], "environment": "../x"}}),
        "must be the name of an environment",
    ),
]


@each_row(("damage", "words"), REFUSED)
def test_what_is_no_plan_is_refused(
    flows: Flows, tmp_path: Path, damage: Callable[[dict[str, Any]], object], words: str
) -> None:
    flows.write("a.yaml", "a")
    file = tmp_path / "plan.json"
    flows.plan().save(file)
    content = json.loads(file.read_text("utf-8"))
    assert seal(content) == content
    damaged = damage(content)
    file.write_text(damaged if isinstance(damaged, str) else json.dumps(damaged), "utf-8")
    with pytest.raises(DeploymentError) as caught:
        DeploymentPlan.load(file)
    assert str(caught.value).startswith(f"{file} ")
    assert words in str(caught.value)


def test_bad_arguments(flows: Flows, tmp_path: Path) -> None:
    flows.write("a.yaml", "a")
    wrong: Any = 7
    with pytest.raises(TypeError, match="path must be the path of a file, not int"):
        flows.plan().save(wrong)
    with pytest.raises(TypeError, match="path must be the path of a file, not int"):
        DeploymentPlan.load(wrong)
    with pytest.raises(TypeError, match="folder must be the path of a folder, not int"):
        DeploymentPlan.load("plan.json", folder=wrong)
    with pytest.raises(
        ValueError, match="would be read as one of the folder's definitions: save the plan somewhere else"
    ):
        flows.plan().save(flows.folder / "plan.JSON")
    with pytest.raises(FileNotFoundError):
        DeploymentPlan.load(tmp_path / "none.json")
