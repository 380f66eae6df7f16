from __future__ import annotations

import pytest

from fibonacci.transports import Deadline, DeadlineExceeded
from tests.kit.clock import FakeClock


@pytest.mark.parametrize(("seconds", "step", "left"), [(10, 3, 3), (None, 3, 3), (2, 3, 2), (3, 3, 3)])
def test_a_step_has_its_own_time_within_that_of_the_call(seconds: float | None, step: float, left: float) -> None:
    clock = FakeClock()
    deadline = Deadline(seconds, clock)
    assert deadline.at_most(step, "the step takes too long").remaining() == left


def test_a_deadline_says_whose_time_is_up() -> None:
    clock = FakeClock()
    call = Deadline(10, clock)
    step = call.at_most(3, "the step takes too long")
    clock.advance(4)
    with pytest.raises(DeadlineExceeded, match=r"^the step takes too long$"):
        step.require()
    assert call.require() == 6
    assert str(step.exceeded("no response")) == "the step takes too long: no response"
    last = call.at_most(7, "the step takes too long")
    clock.advance(6)
    with pytest.raises(DeadlineExceeded, match=r"^the call's time is up$"):
        last.require()
