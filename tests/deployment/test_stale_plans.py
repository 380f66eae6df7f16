"""A plan is refused when anything of it has moved since: the platform, or the state. Nothing is done then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibonacci import DeploymentError, StalePlanError
from fibonacci.deployment.folder import DeploymentFolder
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.in_process import InProcessTransport
from tests.deployment.flows import Flows, RewritingTransport, client_of, definition, steps_of, undone
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.systems import needs_fork


def prepare(flows: Flows) -> None:
    """Have a plan with an update, a creation and a removal: a.yaml, new.yaml, b.yaml."""
    flows.write_three()
    flows.apply()
    flows.write("a.yaml", "flow-a", "changed")
    flows.write("new.yaml", "new")
    (flows.folder / "b.yaml").unlink()


def change_state(flows: Flows) -> None:
    path = flows.state_file("c.yaml")
    path.write_text(path.read_text().replace('"name": "flow-c"', '"name": "other"'))


MOVES: list[tuple[Callable[[Flows], object], str]] = [
    (
        lambda flows: flows.update("flow-a", definition=definition("flow-a", "by another")),
        "('flow-a') has been changed since the plan was made: make a new plan",
    ),
    (lambda flows: flows.update("flow-a", name="renamed"), "('renamed') has been changed since the plan was made"),
    (
        lambda flows: (flows.update("flow-a", description="x"), flows.update("flow-a", description=None)),
        "('flow-a') has been changed since the plan was made",
    ),
    (lambda flows: flows.delete("flow-a"), "('flow-a') has been deleted since the plan was made"),
    (
        lambda flows: flows.update("flow-b", description="needed"),
        "('flow-b') has been changed since the plan was made",
    ),
    (lambda flows: flows.create("new"), "another workflow called 'new' has appeared (wf-"),
    (lambda flows: flows.create("flow-a"), "another workflow called 'flow-a' has appeared (wf-"),
    (change_state, "the state of environment 'default' of "),
    (lambda flows: shutil.rmtree(flows.folder / ".fibonacci"), "the state of environment 'default' of "),
]


@each_row(("act", "words"), MOVES)
def test_what_moves_between_plan_and_apply(
    flows: Flows, emulator: Emulator, act: Callable[[Flows], object], words: str
) -> None:
    with undone(emulator, flows.folder):
        prepare(flows)
        plan = flows.plan(moved={"flow-b": None})
        act(flows)
        before = flows.state()
        with pytest.raises(StalePlanError) as caught:
            flows.apply(plan, allow_delete=True)
        assert words in str(caught.value)
        assert flows.state() == before


def test_a_workflow_that_changes_while_the_plan_is_applied(emulator: Emulator, tmp_path: Path) -> None:
    """It is read once more just before it is written."""
    with Mode("sync") as mode:
        other = Flows(mode, client_of(mode, emulator), tmp_path)

        def meddle(workflow: dict[str, Any], request: Any) -> None:
            if request.method == "PUT":
                other.update("b", description="by another")

        transport = RewritingTransport(InProcessTransport(app_of(emulator)), meddle)
        flows = Flows(mode, client_of(mode, emulator, transport=transport), tmp_path)
        for letter in "ab":
            flows.write(f"{letter}.yaml", letter)
        flows.apply()
        for letter in "ab":
            flows.write(f"{letter}.yaml", letter, "changed")
        with pytest.raises(StalePlanError, match=r"\('b'\) has been changed since the plan was made") as caught:
            flows.apply()
        assert caught.value.__notes__ == [
            "apply ended early after 1 of 2 changes. To continue, make a new plan and apply it"
        ]
        assert flows.workflow("b").version == 2
        assert steps_of(flows.plan()) == [("update", "b.yaml")]


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_state_that_another_writes_while_the_plan_is_applied(
    emulator: Emulator, tmp_path: Path, is_damaged: bool
) -> None:
    """What it has written is kept, what was done is recorded, and nothing more is done."""
    with Mode("sync") as mode:
        before = Flows(mode, client_of(mode, emulator), tmp_path)
        for letter in "ab":
            before.write(f"{letter}.yaml", letter)
        before.apply()
        path, changed = (before.state_file(f"{letter}.yaml") for letter in "ba")
        text = "[" * 100_000 if is_damaged else path.read_text().replace('"name": "b"', '"name": "other"')

        def meddle(workflow: dict[str, Any], request: Any) -> None:
            if request.method == "PUT":
                path.write_text(text)

        transport = RewritingTransport(InProcessTransport(app_of(emulator)), meddle)
        flows = Flows(mode, client_of(mode, emulator, transport=transport), tmp_path)
        for letter in "ab":
            flows.write(f"{letter}.yaml", letter, "changed")
        with pytest.raises(StalePlanError, match=r"another process wrote the state of b\.yaml"):
            flows.apply()
        assert [flows.workflow(letter).version for letter in "ab"] == [2, 1]
        assert path.read_text() == text
        assert json.loads(changed.read_text())["seen"]["version"] == 2


def test_a_folder_that_is_gone(flows: Flows) -> None:
    flows.write("a.yaml", "a")
    plan = flows.plan()
    shutil.rmtree(flows.folder)
    with pytest.raises(DeploymentError, match="cannot be read: No such file or directory"):
        flows.apply(plan)
    assert flows.workflows() == []


@needs_fork  # Windows cannot lock a folder
def test_a_folder_in_which_another_apply_is_at_work(flows: Flows) -> None:
    flows.write("a.yaml", "a")
    plan = flows.plan()
    with DeploymentFolder(flows.folder).locked():
        with pytest.raises(StalePlanError) as caught:
            flows.apply(plan)
        assert str(caught.value) == f"another apply or pull is running in {str(flows.folder)!r}: wait until it ends"
        assert flows.workflows() == []
    flows.apply(plan)
    assert flows.names() == ["a"]
