"""Tests of one group run one after another, in one process: groups are not lost in silence."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("together")
def test_a_group_is_known_to_the_scheduler() -> None:
    name, _, _ = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")
    assert name.endswith("@together") is ("PYTEST_XDIST_WORKER" in os.environ)
