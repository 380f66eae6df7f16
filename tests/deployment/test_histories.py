"""Branches that deploy different workflows merge by themselves: a short form of `tests.tools.histories`."""

from __future__ import annotations

from tests.kit.programs import find
from tests.tools.histories import play


def test_branches_that_deploy_merge() -> None:
    find("git")
    operations, conflicts = play(seed=2, histories=1)
    assert set(operations) == {"change", "rename", "move", "swap", "delete", "add"}
    assert conflicts == []
