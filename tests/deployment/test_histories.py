"""Branches that deploy different workflows merge by themselves: a short form of `tests.tools.histories`."""

from __future__ import annotations

import json

import pytest

from fibonacci.deployment.state import StateFiles, WorkflowState
from tests.kit.programs import find
from tests.tools.histories import play


@pytest.fixture(autouse=True)
def needs_git() -> None:
    find("git")


def test_branches_that_deploy_merge() -> None:
    operations, conflicts = play(seed=1, histories=3)
    assert operations.total() > 10
    assert conflicts == []


def test_a_conflict_would_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where one file changes with each workflow."""
    replace = StateFiles.replace

    def replace_and_note(
        files: StateFiles, before: WorkflowState | None, file: str, after: WorkflowState | None
    ) -> None:
        replace(files, before, file, after)
        platform = files.path / "platform.json"
        platform.write_text(json.dumps({**json.loads(platform.read_text()), "last": file}))

    monkeypatch.setattr(StateFiles, "replace", replace_and_note)
    _, (conflict,) = play(seed=1, histories=1)
    assert "CONFLICT (content): Merge conflict in flows/.fibonacci/staging/platform.json" in conflict
