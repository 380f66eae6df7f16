"""However a server rounds its resets, few requests find it out, and from then on none is refused."""

from __future__ import annotations

import pytest

from tests.kit.assertions import each_row
from tests.tools.limits.resets import Resets, is_as_promised, measure_resets

HOUR = 3600.0


@each_row(
    ("rounding", "skew", "is_aligned"),
    [("down", -1.5, False), ("down", -1.5, True), ("nearest", 0.0, True), ("up", 1.5, False)],
)
def test_processes_learn_it_together(rounding: str, skew: float, is_aligned: bool) -> None:
    """`python -m tests.tools.limits --resets`, which runs each night, has each rounding with each skew, both ways."""
    done = measure_resets(Resets(rounding, skew, is_aligned), processes=4, threads=1, windows=6, limit=12)
    assert is_as_promised(done), done
    assert skew >= 0 or done.refused > 0


def test_clocks_that_are_an_hour_apart_change_nothing() -> None:
    resets = Resets("nearest", -1.5)
    together, apart = (
        measure_resets(resets, processes=4, threads=1, windows=6, limit=12, apart=seconds) for seconds in (0.0, HOUR)
    )
    assert apart.refused == together.refused
    assert apart.share == pytest.approx(together.share, abs=0.002)
