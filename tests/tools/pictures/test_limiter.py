"""The timeline of a rate limit says what the emulator has recorded."""

from __future__ import annotations

import pytest

from tests.tools.pictures.limiter import PlanWindow, TimedRequest, panel_of, requests_of


def test_windows_waits_and_refusals() -> None:
    requests = [
        TimedRequest(0.0, 0, is_refused=False),
        TimedRequest(0.6, 1, is_refused=False),
        TimedRequest(0.7, 2, is_refused=True),
        TimedRequest(10.6, 2, is_refused=False),
    ]
    panel = panel_of("a run", requests, PlanWindow(2, 10.0, 2.0))
    assert panel.note.endswith("4 in all, 1 of them refused")
    assert [span.label for span in panel.spans] == ["2 served, 1 refused", "1 served, 0 refused"]
    assert [(wait.begin, wait.end) for wait in panel.shaded] == [(1.0, 10.5)]
    assert panel.stacks[0:2] == [[1, 0, 0, 0], [0, 1, 0, 1]]
    assert panel.stacks[21] == [0, 0, 1, 0]


@pytest.mark.slow
@pytest.mark.nightly  # short: tests/rate_limits/test_limits.py
def test_processes_that_share_a_limiter_are_not_refused() -> None:
    plan = PlanWindow(20, 2.0, 2.2)
    requests = requests_of("machine", plan)
    assert {request.process for request in requests} == {0, 1, 2}
    panel = panel_of("shared", requests, plan)
    assert ", 0 of them refused" in panel.note
    assert len(panel.spans) > 1
    assert max(int(span.label.split()[0]) for span in panel.spans) <= plan.limit
