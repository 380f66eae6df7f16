"""However a server rounds its resets, few requests find it out, and from then on none is refused."""

from __future__ import annotations

import pytest

from tests.tools.limits.resets import Resets, is_as_promised, measure_resets

HOUR = 3600.0


@pytest.mark.parametrize("is_aligned", [False, True])
def test_a_few_processes_learn_it_together(is_aligned: bool) -> None:
    done = measure_resets(Resets("down", -1.5, is_aligned), processes=4, threads=1, windows=8, limit=20)
    assert 1 <= done.refused <= 3
    assert done.share >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rounding", "skew", "is_aligned"), [("down", -1.5, False), ("nearest", 0.0, True), ("up", 1.5, False)]
)
def test_sixteen_processes_are_refused_three_times_at_the_most(rounding: str, skew: float, is_aligned: bool) -> None:
    """`python -m tests.tools.limits --resets`, which runs each night, has each rounding with each skew, both ways."""
    done = measure_resets(Resets(rounding, skew, is_aligned), threads=1, limit=60)
    assert is_as_promised(done), done


@pytest.mark.slow
def test_clocks_that_are_an_hour_apart_change_nothing() -> None:
    resets = Resets("nearest", -1.5)
    together, apart = (measure_resets(resets, threads=1, limit=60, apart=seconds) for seconds in (0.0, HOUR))
    assert apart.refused == together.refused
    assert apart.share == pytest.approx(together.share, abs=0.002)
