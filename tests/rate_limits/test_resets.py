"""However a server rounds its resets, few requests find it out, and from then on none is refused.

`python -m tests.tools.limits --resets`, which runs each night, has each rounding with each skew, and more processes.
"""

from __future__ import annotations

import pytest

from tests.tools.limits.resets import Resets, ResetsDone, is_as_promised, measure_resets

HOUR = 3600.0


def done_by_four(*, is_aligned: bool = False, apart: float = 0.0) -> ResetsDone:
    done = measure_resets(Resets("down", -1.5, is_aligned), processes=4, threads=1, windows=5, limit=9, apart=apart)
    assert is_as_promised(done), done
    assert done.refused > 0
    return done


def test_processes_learn_it_together() -> None:
    done_by_four(is_aligned=True)


def test_clocks_that_are_an_hour_apart_change_nothing() -> None:
    together, apart = done_by_four(), done_by_four(apart=HOUR)
    assert apart.refused == together.refused
    assert apart.share == pytest.approx(together.share, abs=0.002)
