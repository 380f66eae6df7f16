from __future__ import annotations

import pytest

from fibonacci._core.messages import allows
from fibonacci.transports import Deadline, DeadlineExceeded
from tests.kit.assertions import each_row
from tests.kit.clock import FakeClock


@each_row(("seconds", "step", "left"), [(10, 3, 3), (None, 3, 3), (2, 3, 2), (3, 3, 3)])
def test_a_step_has_its_own_time_within_that_of_the_call(seconds: float | None, step: float, left: float) -> None:
    clock = FakeClock()
    deadline = Deadline(seconds, clock)
    assert deadline.at_most(step, "the step takes too long").remaining() == left


def test_the_time_that_remains() -> None:
    clock = FakeClock()
    deadline, endless = Deadline(10, clock), Deadline(None, clock)
    assert (endless.remaining(), endless.require(), endless.cap(None), endless.cap(3)) == (None, None, None, 3)
    assert (deadline.cap(None), deadline.cap(3), deadline.cap(11)) == (10, 3, 10)
    assert [allows(deadline, seconds) for seconds in (0, 9.9, 10, 11)] == [True, True, False, False]
    assert allows(endless, 1e9)
    clock.advance(9.5)
    assert (deadline.remaining(), deadline.require()) == (0.5, 0.5)
    clock.advance(0.5)
    assert deadline.remaining() == 0
    with pytest.raises(DeadlineExceeded, match=r"^the call's time is up$"):
        deadline.require()
    clock.advance(1)
    assert deadline.remaining() == 0
    assert not allows(deadline, 0)


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
