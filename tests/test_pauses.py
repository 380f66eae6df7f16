"""Whose calls a refusal holds up."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci import RateLimitError, ServerError
from tests.colours import Colour
from tests.endpoints.recorder import Recorder
from tests.kit.clock import FakeClock


def test_a_503_holds_up_its_own_call_alone(recorded: Any, colour: Colour, recorder: Recorder, clock: FakeClock) -> None:
    recorder.give({}, status=503, headers={"Retry-After": "100"})
    recorder.give({"data": {"id": "wf-1"}})
    with pytest.raises(ServerError):
        colour.run(recorded.workflows.get("wf-1"))
    assert colour.run(recorded.workflows.get("wf-1")).id == "wf-1"
    assert clock.slept == []


def test_a_429_holds_up_all_calls_of_the_key(
    recorded: Any, colour: Colour, recorder: Recorder, clock: FakeClock
) -> None:
    recorder.give({}, status=429, headers={"Retry-After": "30"})
    recorder.give({"data": {"id": "wf-1"}})
    with pytest.raises(RateLimitError):
        colour.run(recorded.workflows.get("wf-1"))
    assert colour.run(recorded.workflows.get("wf-1")).id == "wf-1"
    assert sum(clock.slept) == pytest.approx(30)


def test_a_wait_that_no_plan_has_is_not_believed(
    recorded: Any, colour: Colour, recorder: Recorder, clock: FakeClock
) -> None:
    recorder.give({}, status=429, headers={"Retry-After": "99999999"})
    recorder.give({"data": {"id": "wf-1"}})
    with pytest.raises(RateLimitError) as caught:
        colour.run(recorded.workflows.get("wf-1"))
    assert caught.value.retry_after == 99999999
    assert colour.run(recorded.workflows.get("wf-1")).id == "wf-1"
    assert clock.slept == []
