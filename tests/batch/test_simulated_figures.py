"""How much of a plan the limiter and `run_many` use, in simulated time: with wrong clocks, others, and an outage."""

from __future__ import annotations

import pytest

from tests.tools.simulation.batches import Batch, measure_batch
from tests.tools.simulation.scenarios import Scenario, measure

pytestmark = pytest.mark.slow


def test_a_gate_uses_the_whole_limit_without_refusals() -> None:
    figures = measure(Scenario(10, limit=100, seconds=120.0))
    assert figures.share(60.0) >= 0.995
    assert not figures.refused


def test_little_time_is_lost_between_windows() -> None:
    windows = measure(Scenario(5, limit=30, seconds=300.0)).window_seconds
    assert len(windows) >= 3
    assert 60 * len(windows) / sum(windows) >= 0.95


def test_a_wrong_clock_changes_nothing() -> None:
    agreeing, ahead, behind = (measure(Scenario(5, limit=60, seconds=120.0, skew=skew)) for skew in (0.0, 30.0, -30.0))
    assert agreeing.served == ahead.served == behind.served
    assert not agreeing.refused + ahead.refused + behind.refused


def test_others_with_the_same_key() -> None:
    figures = measure(Scenario(10, limit=100, seconds=180.0, outsiders=30.0))
    assert figures.others > 0  # who come later in a window find it used up
    assert figures.share(60.0) >= 0.99
    assert len(figures.refused) <= 0.01 * len(figures.served)


def test_an_outage_of_a_minute() -> None:
    figures = measure_batch(Batch(120, 20.0, concurrency=40, limit=120, outage=(30.0, 90.0)))
    assert figures.done == 120
    assert figures.back_after <= 15
    assert 0 < len(figures.failed) <= 30
    assert not figures.refused


def test_a_quota_of_executions_at_a_time_is_used() -> None:
    figures = measure_batch(Batch(60, 10.0, quota=6, limit=300))
    assert figures.done == 60
    assert not figures.refused
    assert figures.capacity >= 0.93  # of 100 s; the first runs are watched without knowing how long they take


def test_others_run_executions_too() -> None:
    figures = measure_batch(Batch(80, 10.0, quota=8, limit=300, others=3))
    assert figures.done == 80
    assert figures.others > 0
    assert figures.capacity >= 0.85
    assert figures.refused <= 0.05 * figures.done
