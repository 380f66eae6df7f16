"""A short form of the nightly step `limits`, which has real processes and each limiter."""

from __future__ import annotations

import pytest

from tests.kit.assertions import each_row
from tests.tools.limits.real import contend
from tests.tools.limits.simulated import ROUNDINGS, Contention, simulate


@each_row("is_aligned", [True, False])
def test_processes_use_the_plan_and_are_hardly_ever_refused(is_aligned: bool) -> None:
    for rounding in ROUNDINGS:
        done = simulate(Contention(rounding, is_aligned, longest=2.0, kills=1.5, processes=16))
        assert done.is_as_promised, (rounding, done)


def test_each_process_has_half_of_its_share_at_least() -> None:
    assert simulate(Contention("nearest", is_aligned=True, processes=16)).smallest >= 0.5


@pytest.mark.slow
def test_real_processes_that_are_killed_again_and_again() -> None:
    done = contend("machine", Contention("up", is_aligned=True, kills=1.0, processes=3, window=3.0), windows=3)
    assert done.refused <= 1
    assert done.errors == []
