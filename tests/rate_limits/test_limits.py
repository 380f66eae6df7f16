"""A short form of the nightly step `limits`, which has more processes, longer windows, and servers that start again."""

from __future__ import annotations

import pytest

from tests.tools.limits.scenarios import Contention, kill_holders


@pytest.mark.slow
def test_the_processes_that_are_left_are_not_refused_when_others_are_killed() -> None:
    profile = Contention(10, 1.0, 4.0, processes=2, threads=2)
    figures = kill_holders("redis-server", profile)  # `.ci/run limits` has the others, and more processes
    assert figures.served.refused == 0
    assert figures.errors == []
    assert min(figures.rows) > 0
